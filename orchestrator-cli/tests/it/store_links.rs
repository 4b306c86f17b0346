//! Three members in network namespaces of their own, whose links are cut and joined again.
//!
//! ```text
//!   this test ── bridge in a namespace ──┬── member a   10.77.0.1
//!   (10.77.0.254)                        ├── member b   10.77.0.2
//!                                        └── member c   10.77.0.3
//! ```

use std::process::Command;
use std::time::Duration;

use orchestrator::core::{Env, StoreExt};
use orchestrator::store::Operator;

use crate::members::{Load, Member, SOON, client, put};

/// How many writes happen before, during and after each cut.
const WRITES: u64 = 150;

/// The namespaces and links of one test, gone when this is dropped.
struct Network {
    /// What the names of all of them begin with.
    id: String,
    /// The third number of all addresses, so that runs at the same time have their own.
    net: u8,
}

impl Network {
    /// `None`, with a word about it, where this user may not make one.
    fn new() -> Option<Self> {
        let pid = std::process::id();
        let network = Self { id: format!("orc{}", pid % 100_000), net: (pid % 250) as u8 };
        let made = network.try_make();
        if made.is_none() {
            eprintln!("SKIPPED: network namespaces need root and iproute2");
        }
        made.map(|()| network)
    }

    fn try_make(&self) -> Option<()> {
        let (bridge, gateway) = (self.bridge(), format!("10.77.{}.254/24", self.net));
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        ip(&["address", "add", &gateway, "dev", &bridge])?;
        ip(&["link", "set", &bridge, "up"])?;
        for member in 0..3 {
            let (space, outer) = (self.space(member), self.link(member));
            ip(&["netns", "add", &space])?;
            ip(&["link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &space])?;
            ip(&["link", "set", &outer, "master", &bridge, "up"])?;
            let address = format!("{}/24", self.address(member));
            ip(&["-n", &space, "address", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &space, "link", "set", "eth0", "up"])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
        }
        Some(())
    }

    fn bridge(&self) -> String {
        format!("{}br", self.id)
    }

    fn space(&self, member: usize) -> String {
        format!("{}n{member}", self.id)
    }

    fn link(&self, member: usize) -> String {
        format!("{}l{member}", self.id)
    }

    fn address(&self, member: usize) -> String {
        format!("10.77.{}.{}", self.net, member + 1)
    }

    /// Takes a member off the bridge.
    fn cut(&self, member: usize) {
        ip(&["link", "set", &self.link(member), "down"]).expect("the link is there");
    }

    fn join(&self, member: usize) {
        ip(&["link", "set", &self.link(member), "up"]).expect("the link is there");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for member in 0..3 {
            ip(&["netns", "delete", &self.space(member)]);
            ip(&["link", "delete", &self.link(member)]);
        }
        ip(&["link", "delete", &self.bridge()]);
    }
}

/// Runs `ip`; `None` where it fails.
fn ip(arguments: &[&str]) -> Option<()> {
    let output = Command::new("ip").args(arguments).output().ok()?;
    output.status.success().then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_links_lose_nothing_and_the_smaller_part_acknowledges_nothing() {
    let Some(network) = Network::new() else { return };
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let names = ["a", "b", "c"];
    let mut members: Vec<Member> = (0..3)
        .map(|n| {
            let address = network.address(n);
            let (clients, peers) = (format!("{address}:2379"), format!("{address}:2380"));
            let member = Member::new(names[n], &folder.path().join(names[n]), &clients, &peers);
            member.within(&["ip", "netns", "exec", &network.space(n)])
        })
        .collect();
    Member::found(&mut members);
    members.iter_mut().for_each(Member::spawn);
    members.iter_mut().for_each(Member::ready);
    let all: Vec<&Member> = members.iter().collect();
    let store = client(&all, &env);
    let load = Load::start(&store, &env, 8);
    load.progress(WRITES).await;

    let membership = store.members().await.unwrap();
    let leader = membership.members.iter().find(|m| Some(m.id) == membership.leader).unwrap();
    let leader = names.iter().position(|name| **name == leader.name).unwrap();
    network.cut(leader);
    load.progress(WRITES).await;
    // Every link of a second one flaps; two of three are left between the flaps.
    network.join(leader);
    for _ in 0..3 {
        network.cut((leader + 1) % 3);
        env.sleep(Duration::from_millis(700)).await;
        network.join((leader + 1) % 3);
        load.progress(WRITES / 3).await;
    }
    // Without a majority nothing is acknowledged, and reads say that they cannot know.
    let alone = client(&[&members[leader]], &env);
    network.cut((leader + 1) % 3);
    network.cut((leader + 2) % 3);
    env.sleep(Duration::from_secs(1)).await;
    assert!(put(&alone, "minority", 10).await.is_err());
    assert!(alone.get("minority").await.is_err());
    (0..3).for_each(|member| network.join(member));
    load.progress(WRITES).await;

    let fates = load.stop().await;
    for member in &members {
        let store = client(&[member], &env);
        let held = tokio::time::timeout(SOON, fates.hold(&*store)).await;
        held.expect("every member catches up");
    }
}
