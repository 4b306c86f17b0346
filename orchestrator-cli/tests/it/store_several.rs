//! Several API servers, each a member of the store that all of them share.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use orchestrator::core::Env;
use orchestrator::store::Operator;

use crate::members::{Member, client, leader};
use crate::server::{Ran, has};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Starts servers on loopback, which wait for each other.
fn started(folder: &Path) -> Vec<Member> {
    let several = Member::several(&NAMES, folder).into_iter();
    let mut servers: Vec<_> = several.map(Member::with_api).collect();
    servers.iter_mut().for_each(Member::spawn);
    servers.iter_mut().for_each(Member::ready);
    servers
}

/// Runs `kubectl` as the administrator of one server.
fn kubectl(server: &Member, arguments: &[&str]) -> Ran {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", server.folder.join("admin.kubeconfig"));
    command.env("HOME", &server.folder).args(arguments);
    Ran::of(command.output().unwrap(), format!("kubectl {}", arguments.join(" ")))
}

fn make(server: &Member, name: &str) {
    let by = format!("--from-literal=by={}", server.name);
    kubectl(server, &["create", "configmap", name, &by]).prints("created");
}

/// The words that one server prints.
fn words(server: &Member, arguments: &[&str]) -> BTreeSet<String> {
    kubectl(server, arguments).ok().split_whitespace().map(str::to_owned).collect()
}

/// All servers show the same objects, `wanted` among them.
fn all_show(servers: &[Member], wanted: &[&str]) {
    let shown = |server| words(server, &["get", "configmaps", "-o", "name"]);
    let first = shown(&servers[0]);
    for server in &servers[1..] {
        assert_eq!(shown(server), first);
    }
    for name in wanted {
        assert!(first.contains(&format!("configmap/{name}")), "{name} of {first:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_are_one_api_and_outlive_the_one_that_led() {
    if !has("kubectl") {
        return;
    }
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut servers = started(folder.path());
    for server in &servers {
        make(server, &format!("first-{}", server.name));
    }
    all_show(&servers, &["first-a", "first-b", "first-c"]);
    // The members are told with the addresses of their clients.
    let members = client(&servers.iter().collect::<Vec<_>>(), &env).members().await.unwrap();
    let urls: BTreeSet<_> = members.members.iter().flat_map(|m| m.client_urls.clone()).collect();
    let expected = servers.iter().map(|server| format!("http://{}", server.client)).collect();
    assert_eq!(urls, expected);

    // No address is given to two services, whichever server gives it.
    std::thread::scope(|threads| {
        for server in &servers {
            threads.spawn(move || {
                for n in 0..5 {
                    let name = format!("service-{}-{n}", server.name);
                    let make = ["create", "service", "clusterip", &name, "--tcp=80"];
                    kubectl(server, &make).prints("created");
                }
            });
        }
    });
    let addresses = ["get", "services", "-o", "jsonpath={.items[*].spec.clusterIP}"];
    let given = words(&servers[0], &addresses);
    assert_eq!(given.len(), 16, "15 and that of the API itself: {given:?}");

    let led = leader(&servers, &env).await;
    servers[led].end("KILL");
    let others = servers.iter().enumerate().filter(|(n, _)| *n != led).map(|(_, server)| server);
    let names: Vec<_> = others.map(|server| (server, format!("then-{}", server.name))).collect();
    for (server, name) in &names {
        make(server, name);
    }
    let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    servers[led].start();
    make(&servers[led], "back");
    let wanted = names.iter().map(String::as_str).chain(["back", "first-a"]);
    all_show(&servers, &wanted.collect::<Vec<_>>());
    assert_eq!(words(&servers[led], &addresses), given);
}
