//! The table: what there is of each pod, as operations and events have told.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use orchestrator_core::runtime::{
    ContainerPhase, ContainerState, Exit, PodState, SandboxId, SandboxState,
};

use super::facts::{ContainerFacts, PodName, SandboxFacts};

/// What there is of all pods.
#[derive(Debug, Default)]
pub(super) struct Table {
    pods: BTreeMap<String, Pod>,
}

/// A pod's sandboxes, by attempt.
#[derive(Debug, Default)]
pub(super) struct Pod {
    pub(super) name: PodName,
    pub(super) sandboxes: BTreeMap<u32, Sandbox>,
}

/// A sandbox and its containers.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    pub(super) id: String,
    pub(super) attempt: u32,
    pub(super) ready: bool,
    pub(super) ips: Vec<IpAddr>,
    pub(super) created_at: Timestamp,
    pub(super) facts: SandboxFacts,
    pub(super) containers: Vec<Container>,
}

/// One run of a container.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) state: ContainerState,
    pub(super) facts: ContainerFacts,
    /// Whether the kernel has killed for want of memory in it.
    pub(super) out_of_memory: bool,
}

/// Whose an id is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Sandbox { uid: String },
    Container { uid: String },
}

impl Table {
    pub(super) fn pods(&self) -> impl Iterator<Item = PodState> {
        self.pods.values().filter_map(Pod::state)
    }

    pub(super) fn pod(&self, uid: &str) -> Option<&Pod> {
        self.pods.get(uid)
    }

    pub(super) fn all_sandboxes(&self) -> impl Iterator<Item = &Sandbox> {
        self.pods.values().flat_map(|pod| pod.sandboxes.values())
    }

    pub(super) fn uids(&self) -> impl Iterator<Item = &String> {
        self.pods.keys()
    }

    /// Takes a sandbox in, or brings it up to date; its containers stay.
    pub(super) fn put_sandbox(&mut self, name: PodName, mut sandbox: Sandbox) {
        let pod = self.pods.entry(name.uid.clone()).or_default();
        pod.name = name;
        if let Some(before) = pod.sandboxes.get_mut(&sandbox.attempt).filter(|s| s.id == sandbox.id)
        {
            sandbox.containers = std::mem::take(&mut before.containers);
        }
        pod.sandboxes.insert(sandbox.attempt, sandbox);
    }

    /// Takes a container in, or brings it up to date. An end that is known stays: what was asked
    /// before it may be answered after it.
    pub(super) fn put_container(&mut self, sandbox: &str, mut container: Container) {
        let Some(sandbox) = self.sandbox_mut(sandbox) else { return };
        let same = sandbox.containers.iter_mut().find(|c| c.state.id == container.state.id);
        match same {
            Some(before) => {
                container.out_of_memory |= before.out_of_memory;
                if before.state.exit().is_some() {
                    let end = std::mem::replace(&mut before.state.phase, ContainerPhase::Created);
                    container.state.phase = end;
                }
                *before = container;
            }
            None => sandbox.containers.push(container),
        }
        sandbox.containers.sort_by(|a, b| a.order().cmp(&b.order()));
    }

    pub(super) fn remove_container(&mut self, id: &str) {
        for sandbox in self.pods.values_mut().flat_map(|pod| pod.sandboxes.values_mut()) {
            sandbox.containers.retain(|c| c.state.id.as_str() != id);
        }
    }

    pub(super) fn remove_sandbox(&mut self, id: &str) {
        self.pods.retain(|_, pod| {
            pod.sandboxes.retain(|_, sandbox| sandbox.id != id);
            !pod.sandboxes.is_empty()
        });
    }

    /// Whose this id is.
    pub(super) fn owner(&self, id: &str) -> Option<Owner> {
        self.pods.iter().find_map(|(uid, pod)| {
            pod.sandboxes.values().find_map(|sandbox| {
                if sandbox.id == id {
                    return Some(Owner::Sandbox { uid: uid.clone() });
                }
                let container = sandbox.containers.iter().any(|c| c.state.id.as_str() == id);
                container.then(|| Owner::Container { uid: uid.clone() })
            })
        })
    }

    /// The sandbox of this id, with its pod.
    pub(super) fn sandbox(&self, id: &str) -> Option<(&PodName, &Sandbox)> {
        self.pods.values().find_map(|pod| {
            let sandbox = pod.sandboxes.values().find(|sandbox| sandbox.id == id)?;
            Some((&pod.name, sandbox))
        })
    }

    pub(super) fn sandbox_mut(&mut self, id: &str) -> Option<&mut Sandbox> {
        let all = self.pods.values_mut().flat_map(|pod| pod.sandboxes.values_mut());
        all.into_iter().find(|sandbox| sandbox.id == id)
    }

    /// The container of this id, with its sandbox's id.
    pub(super) fn container(&self, id: &str) -> Option<(&str, &Container)> {
        let mut all = self.pods.values().flat_map(|pod| pod.sandboxes.values());
        all.find_map(|sandbox| {
            let found = sandbox.containers.iter().find(|c| c.state.id.as_str() == id)?;
            Some((sandbox.id.as_str(), found))
        })
    }

    pub(super) fn container_mut(&mut self, id: &str) -> Option<&mut Container> {
        let all = self.pods.values_mut().flat_map(|pod| pod.sandboxes.values_mut());
        all.flat_map(|sandbox| sandbox.containers.iter_mut())
            .find(|container| container.state.id.as_str() == id)
    }

    /// Keeps only what is listed: everything else has gone while nobody looked.
    pub(super) fn retain(&mut self, sandboxes: &[String], containers: &[String]) {
        self.pods.retain(|_, pod| {
            pod.sandboxes.retain(|_, sandbox| sandboxes.contains(&sandbox.id));
            for sandbox in pod.sandboxes.values_mut() {
                sandbox
                    .containers
                    .retain(|c| containers.iter().any(|id| id == c.state.id.as_str()));
            }
            !pod.sandboxes.is_empty()
        });
    }
}

impl Pod {
    /// The newest sandbox.
    pub(super) fn newest(&self) -> Option<&Sandbox> {
        self.sandboxes.values().next_back()
    }

    fn state(&self) -> Option<PodState> {
        let newest = self.newest()?;
        let sandbox = SandboxState {
            id: SandboxId::from(newest.id.as_str()),
            attempt: newest.attempt,
            ready: newest.ready,
            ips: newest.ips.clone(),
            created_at: newest.created_at,
        };
        Some(PodState {
            uid: self.name.uid.clone(),
            namespace: self.name.namespace.clone(),
            name: self.name.name.clone(),
            sandbox: Some(sandbox),
            containers: newest.containers.iter().map(|c| c.state.clone()).collect(),
        })
    }

    pub(super) fn pod_state(&self) -> Option<PodState> {
        self.state()
    }
}

impl Container {
    fn order(&self) -> (Timestamp, &str) {
        (self.state.created_at, self.state.id.as_str())
    }

    /// Notes how it ended, unless that is known.
    pub(super) fn end(&mut self, exit: Exit) {
        if self.state.exit().is_none() {
            self.state.phase = ContainerPhase::Exited(exit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> PodName {
        PodName { uid: "u".into(), namespace: "n".into(), name: "p".into() }
    }

    fn sandbox(id: &str, attempt: u32) -> Sandbox {
        Sandbox {
            id: id.into(),
            attempt,
            ready: true,
            ips: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            facts: SandboxFacts::default(),
            containers: Vec::new(),
        }
    }

    fn container(id: &str, second: i64) -> Container {
        let state = ContainerState {
            id: id.into(),
            name: id.into(),
            attempt: 0,
            image: String::new(),
            image_id: String::new(),
            phase: ContainerPhase::Running,
            created_at: Timestamp::from_second(second).unwrap(),
            started_at: None,
        };
        Container { state, facts: ContainerFacts::default(), out_of_memory: false }
    }

    fn exit(code: i32) -> Exit {
        let finished_at = Timestamp::UNIX_EPOCH;
        Exit { code, signal: None, finished_at, reason: String::new(), message: String::new() }
    }

    #[test]
    fn an_end_that_is_known_is_not_forgotten() {
        let mut table = Table::default();
        table.put_sandbox(name(), sandbox("s", 0));
        table.put_container("s", container("c", 1));
        table.container_mut("c").unwrap().end(exit(3));
        table.put_container("s", container("c", 1));
        table.container_mut("c").unwrap().end(exit(4));
        let code = table.container("c").unwrap().1.state.exit().map(|exit| exit.code);
        assert_eq!(code, Some(3));
    }

    #[test]
    fn the_newest_sandbox_counts_and_containers_come_in_order_of_start() {
        let mut table = Table::default();
        table.put_sandbox(name(), sandbox("old", 0));
        table.put_sandbox(name(), sandbox("new", 1));
        for (id, second) in [("b", 2), ("a", 1)] {
            table.put_container("new", container(id, second));
        }
        let state = table.pods().next().unwrap();
        assert_eq!(state.sandbox.unwrap().id.as_str(), "new");
        let ids: Vec<&str> = state.containers.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(table.owner("old"), Some(Owner::Sandbox { uid: "u".into() }));
        assert_eq!(table.owner("a"), Some(Owner::Container { uid: "u".into() }));
        table.retain(&["new".into()], &["a".into()]);
        assert_eq!((table.owner("old"), table.owner("b")), (None, None));
        table.remove_sandbox("new");
        assert_eq!(table.pods().count(), 0);
    }
}
