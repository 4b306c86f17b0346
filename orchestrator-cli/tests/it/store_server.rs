//! A whole cluster that is killed or stopped, and started again on the same files.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod, Service};
use orchestrator::client::{Client, Kind, KindExt, RemoteConfig, Selection};
use orchestrator::core::Env;
use serde_json::json;

use crate::members::free_port;
use crate::server::{lines, terminate};

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/manifests/shop.yaml");

/// How long a cluster may take to be ready on a machine that is busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Starts the program and waits for a line that has `ready` in it.
fn start(arguments: &[&str], folder: &Path, bind: &str, ready: &str) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(arguments)
        .args(["--bind", bind, "--data-dir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = lines(child.stdout.take().unwrap());
    while !told.recv_timeout(READY_WITHIN).expect("it becomes ready").contains(ready) {}
    // Whoever writes to a pipe that nobody reads is killed.
    std::thread::spawn(move || while told.recv().is_ok() {});
    child
}

fn api(folder: &Path) -> Client {
    let config = RemoteConfig::from_kubeconfig(&folder.join("admin.kubeconfig")).unwrap();
    Client::remote(config, Env::system()).unwrap()
}

/// Name and uid of all objects of a kind.
async fn uids<K: Kind>(client: &Client) -> BTreeMap<String, String> {
    let all = client.api::<K>().list(&Selection::default()).await.unwrap().items;
    all.iter().map(|o| (o.key().to_string(), o.uid().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_has_every_object_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let bind = format!("127.0.0.1:{}", free_port());
    let arguments = ["server", "--parts", "apiserver,controllers", "--store", "durable"];
    let mut made = BTreeMap::new();
    for round in 0..3 {
        let mut server = start(&arguments, folder.path(), &bind, "ready ");
        let client = api(folder.path());
        let stored = uids::<ConfigMap>(&client).await;
        let missing: Vec<_> = made.iter().filter(|(k, uid)| stored.get(*k) != Some(uid)).collect();
        assert!(missing.is_empty(), "acknowledged, yet missing: {missing:?}");
        assert_eq!(uids::<Namespace>(&client).await.len(), 4);
        let writers = (0..8).map(|writer| {
            let api = client.api::<ConfigMap>();
            client.env().spawn("writer", async move {
                let mut made = Vec::new();
                for n in 0.. {
                    let name = format!("load-{round}-{writer}-{n}");
                    let object = json!({"metadata": {"name": name, "namespace": "default"},
                        "data": {"text": "x".repeat(200)}});
                    let object: ConfigMap = serde_json::from_value(object).unwrap();
                    match api.create(&object).await {
                        Ok(object) => made.push((object.key().to_string(), object.uid().into())),
                        Err(_) => break,
                    }
                }
                made
            })
        });
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.kill().unwrap();
        server.wait().unwrap();
        for writer in writers {
            made.extend(writer.await.expect("a writer does not panic"));
        }
    }
    assert!(made.len() > 100, "only {} objects were made", made.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_is_the_same_shop_after_a_stop_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let bind = format!("127.0.0.1:{}", free_port());
    let port = "30081";
    let shop = folder.path().join("shop.yaml");
    let text = std::fs::read_to_string(SHOP).unwrap().replace("30080", port);
    std::fs::write(&shop, text.replace("welcome to the shop", "the shop that comes back")).unwrap();
    let data = folder.path().join("data");
    let up = ["up", "-f", shop.to_str().unwrap()];
    let page = || fetch(&format!("127.0.0.1:{port}")).unwrap_or_default();
    let objects = async || {
        let client = api(&data);
        let mut pods = uids::<Pod>(&client).await;
        pods.retain(|name, _| !name.contains("take-stock"));
        (
            pods,
            uids::<Deployment>(&client).await,
            uids::<Service>(&client).await,
            uids::<Namespace>(&client).await,
            uids::<Node>(&client).await,
        )
    };

    let mut first = start(&up, &data, &bind, "Ctrl-C");
    assert!(page().contains("the shop that comes back"));
    let before = objects().await;
    terminate(&first);
    assert!(first.wait().unwrap().success());

    // Not even the manifest is needed again.
    let mut second = start(&["up"], &data, &bind, "Ctrl-C");
    wait_for(|| page().contains("fresh bread")).await;
    assert_eq!(objects().await, before);
    second.kill().unwrap();
    second.wait().unwrap();

    let mut third = start(&up, &data, &bind, "Ctrl-C");
    wait_for(|| page().contains("fresh bread")).await;
    assert_eq!(objects().await, before);
    terminate(&third);
    assert!(third.wait().unwrap().success());
    let left = Command::new("pgrep").args(["-f", "the shop that comes back"]).output().unwrap();
    assert!(left.stdout.is_empty(), "processes are left behind");
}

/// The page at `address`.
fn fetch(address: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

async fn wait_for(mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(READY_WITHIN, waiting).await.expect("it comes to pass");
}
