//! The containers of a pod, each with its role.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod};

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the containers after it begin.
    Init,
    /// Starts among the init containers and runs as long as the pod.
    Sidecar,
    /// The pod's work.
    App,
    /// Joined later, to look into the pod; never run again.
    Ephemeral,
}

/// One container of a pod.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// What it is for.
    pub role: Role,
    /// Its specification.
    pub spec: Cow<'a, Container>,
}

impl Member<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }
}

/// All containers in the order in which they begin.
pub fn members(pod: &Pod) -> impl DoubleEndedIterator<Item = Member<'_>> {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|s| s.init_containers.as_deref()).unwrap_or_default();
    let app = spec.map(|s| s.containers.as_slice()).unwrap_or_default();
    let ephemeral = spec.and_then(|s| s.ephemeral_containers.as_deref()).unwrap_or_default();
    let init = init.iter().map(|c| {
        let sidecar = c.restart_policy.as_deref() == Some("Always");
        Member { role: if sidecar { Role::Sidecar } else { Role::Init }, spec: Cow::Borrowed(c) }
    });
    let app = app.iter().map(|c| Member { role: Role::App, spec: Cow::Borrowed(c) });
    let ephemeral = ephemeral
        .iter()
        .map(|c| Member { role: Role::Ephemeral, spec: Cow::Owned(as_container(c.clone())) });
    init.chain(app).chain(ephemeral)
}

/// An ephemeral container as an ordinary one: it has the same fields and a target.
fn as_container(c: EphemeralContainer) -> Container {
    Container {
        name: c.name,
        image: c.image,
        image_pull_policy: c.image_pull_policy,
        command: c.command,
        args: c.args,
        env: c.env,
        env_from: c.env_from,
        working_dir: c.working_dir,
        volume_mounts: c.volume_mounts,
        security_context: c.security_context,
        stdin: c.stdin,
        stdin_once: c.stdin_once,
        tty: c.tty,
        termination_message_path: c.termination_message_path,
        termination_message_policy: c.termination_message_policy,
        ..Container::default()
    }
}
