//! The start of a container: image, environment, mounts, process, hook.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, PodSecurityContext, Secret, SecurityContext};
use orchestrator_client::KindExt;
use orchestrator_core::ObjectKey;
use orchestrator_core::runtime::{
    ContainerConfig, ContainerId, Credentials, ImageOp, Mount, PodState, Propagation, RuntimeError,
    RuntimeExt, SandboxId,
};

use super::context::Context;
use super::sources::{self, Tokens};
use crate::environment::{Subject, environment, expand_all};
use crate::isolation;
use crate::probe::{Handler, Outcome, Target};
use crate::volume::mounts;

/// Where a container looks names up before it asks anybody.
const HOSTS: &str = "/etc/hosts";

/// Why a container was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StartError {
    /// In one word, as in `ErrImagePull`.
    pub(super) reason: &'static str,
    /// For people.
    pub(super) message: String,
}

impl StartError {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// A container that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) id: ContainerId,
    /// Whether its post-start hook failed, so that it must end.
    pub(super) hook_failed: bool,
}

/// One container to be started.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) context: Arc<Context>,
    pub(super) pod: Arc<Pod>,
    pub(super) container: Arc<Container>,
    pub(super) attempt: u32,
    pub(super) state: PodState,
    pub(super) tokens: Tokens,
}

impl Start {
    /// Starts it.
    ///
    /// # Cancellation
    /// Leaves it started or not; its hook may not have run to its end.
    pub(super) async fn run(self) -> Result<Started, StartError> {
        let sandbox = self.state.sandbox.as_ref().map(|sandbox| sandbox.id.clone());
        let sandbox = sandbox.ok_or_else(|| StartError::new("RunContainerError", "no sandbox"))?;
        self.image().await?;
        let config = self.config(sandbox).await?;
        let name = &self.container.name;
        let id = match self.context.runtime.start(config).await {
            Ok(id) => id,
            Err(error) => return Err(self.refused(&error)),
        };
        self.normal("Created", format!("Container created: {name}"));
        self.normal("Started", format!("Container started: {name}"));
        let hook_failed = !self.hook(&id).await;
        Ok(Started { id, hook_failed })
    }

    fn normal(&self, reason: &str, message: String) {
        self.context.normal(&self.pod, &self.container.name, reason, message);
    }

    fn warning(&self, reason: &str, message: String) {
        self.context.warning(&self.pod, &self.container.name, reason, message);
    }

    fn refused(&self, error: &RuntimeError) -> StartError {
        let reason = match error {
            RuntimeError::Image(_) => "ErrImagePull",
            RuntimeError::InvalidImage(_) => "InvalidImageName",
            RuntimeError::Config(_) => "CreateContainerConfigError",
            RuntimeError::Create(_) => "CreateContainerError",
            _ => "RunContainerError",
        };
        let message = error.chain();
        if reason == "ErrImagePull" {
            let image = self.container.image.as_deref().unwrap_or_default();
            self.warning("Failed", format!("Failed to pull image \"{image}\": {message}"));
        }
        self.warning("Failed", format!("Error: {message}"));
        StartError::new(reason, message)
    }

    /// Sees to it that the image is there.
    async fn image(&self) -> Result<(), StartError> {
        let image = self.container.image.clone().unwrap_or_default();
        let policy = self.container.image_pull_policy.as_deref().unwrap_or("IfNotPresent");
        let runtime = &self.context.runtime;
        if policy != "Always" {
            let present = runtime.image(ImageOp::Status(image.clone())).await;
            if present.map_err(|error| self.refused(&error))?.is_some() {
                if self.context.is_real() {
                    let told = "already present on machine and can be accessed by the pod";
                    self.normal("Pulled", format!("Container image {image:?} {told}"));
                    return Ok(());
                }
                // A simulated image is there once it has been pulled, which its stages decide.
            } else if policy == "Never" {
                let why =
                    format!("Container image {image:?} is not present with pull policy of Never");
                self.warning("ErrImageNeverPull", why.clone());
                return Err(StartError::new("ErrImageNeverPull", why));
            }
        }
        let auth = self.pull_secrets().await;
        let pull = ImageOp::Pull { image: image.clone(), pod: self.pod.uid().to_owned(), auth };
        if !self.context.is_real() {
            return runtime.image(pull).await.map(drop).map_err(|error| self.refused(&error));
        }
        self.normal("Pulling", format!("Pulling image {image:?}"));
        let began = self.context.env.instant();
        let pulled = runtime.image(pull).await.map_err(|error| self.refused(&error))?;
        let millis = (self.context.env.instant() - began).as_millis();
        let bytes = pulled.map_or(0, |image| image.bytes);
        self.normal(
            "Pulled",
            format!(
                "Successfully pulled image {image:?} in {millis}ms ({millis}ms including \
                 waiting). Image size: {bytes} bytes."
            ),
        );
        Ok(())
    }

    /// The contents of the pod's pull secrets; one that is missing is left out.
    async fn pull_secrets(&self) -> Vec<String> {
        let spec = self.pod.spec.as_ref();
        let names = spec.and_then(|spec| spec.image_pull_secrets.as_deref()).unwrap_or_default();
        let mut auth = Vec::new();
        for reference in names {
            let key = ObjectKey::new(self.pod.namespace(), reference.name.as_str());
            if let Ok(Some(secret)) = self.context.client.api::<Secret>().find(&key).await {
                let config = secret.data.as_ref().and_then(|d| d.get(".dockerconfigjson"));
                auth.extend(config.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()));
            }
        }
        auth
    }

    /// What the runtime is told.
    async fn config(&self, sandbox: SandboxId) -> Result<ContainerConfig, StartError> {
        let container = &self.container;
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let mut config = ContainerConfig::new(sandbox, container.name.as_str());
        config.attempt = self.attempt;
        config.image = text(&container.image);
        config.working_dir = text(&container.working_dir);
        config.termination_message_path = text(&container.termination_message_path);
        config.log_is_termination_message =
            container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        let lifecycle = container.lifecycle.as_ref();
        config.stop_signal = lifecycle.map(|l| text(&l.stop_signal)).unwrap_or_default();
        config.stdin = container.stdin == Some(true);
        config.stdin_once = container.stdin_once == Some(true);
        config.tty = container.tty == Some(true);
        config.credentials = credentials(&self.pod, container);
        config.command = container.command.clone().unwrap_or_default();
        config.args = container.args.clone().unwrap_or_default();
        if self.context.is_real() {
            self.furnish(&mut config).await?;
        }
        Ok(config)
    }

    /// Environment and mounts, and the variables in the command.
    async fn furnish(&self, config: &mut ContainerConfig) -> Result<(), StartError> {
        let wrong = |message: String| {
            self.warning("Failed", format!("Error: {message}"));
            StartError::new("CreateContainerConfigError", message)
        };
        let context = &self.context;
        let mut tokens = self.tokens.clone();
        let material = sources::material(context, &self.pod, &mut tokens).await;
        let mut material = material.map_err(|status| wrong(status.message))?;
        material.services = sources::services(context, &self.pod).await;
        let sandbox = self.state.sandbox.as_ref();
        material.pod_ips = sandbox.map(|sandbox| sandbox.ips.clone()).unwrap_or_default();
        let (pod, container) = (&self.pod, &self.container);
        let subject = Subject { pod, container, material: &material };
        let env = environment(subject).map_err(|error| wrong(error.0))?;
        let volumes = context.volumes(pod.uid());
        config.mounts = mounts(pod, container, &volumes, &env).map_err(|error| wrong(error.0))?;
        config.command = expand_all(container.command.as_deref(), &env);
        config.args = expand_all(container.args.as_deref(), &env);
        config.env = env;
        if context.runtime.info().isolated {
            isolation::container(pod, container, &context.node, config);
            let hosts = self.hosts(&material.pod_ips).map_err(|error| {
                wrong(format!("cannot write the pod's table of hosts: {error}"))
            })?;
            config.mounts.extend(hosts);
        }
        Ok(())
    }

    /// The table of hosts, unless the container has one of its own.
    fn hosts(&self, ips: &[std::net::IpAddr]) -> std::io::Result<Option<Mount>> {
        let mounts = self.container.volume_mounts.iter().flatten();
        if mounts.into_iter().any(|mount| mount.mount_path == HOSTS) {
            return Ok(None);
        }
        let path = self.context.volumes(self.pod.uid()).beside("hosts")?;
        std::fs::write(&path, isolation::hosts(&self.pod, ips, &self.context.node))?;
        Ok(Some(Mount {
            container_path: HOSTS.into(),
            host_path: path,
            read_only: false,
            propagation: Propagation::Private,
        }))
    }

    /// Runs the post-start hook; tells whether the container may go on.
    async fn hook(&self, id: &ContainerId) -> bool {
        let lifecycle = self.container.lifecycle.as_ref();
        let hook = lifecycle.and_then(|lifecycle| lifecycle.post_start.as_ref());
        let Some(handler) = hook.and_then(Handler::of_hook) else { return true };
        if !self.context.is_real() && !matches!(handler, Handler::Sleep(_)) {
            return true;
        }
        let Some(target) = target(&self.context, &self.container, id, &self.state) else {
            return true;
        };
        match target.ask(&handler, Duration::MAX / 4).await {
            Outcome::Success => true,
            Outcome::Failure(why) | Outcome::Unknown(why) => {
                self.warning("FailedPostStartHook", format!("PostStartHook failed: {why}"));
                false
            }
        }
    }
}

/// A container that can be asked.
pub(super) fn target(
    context: &Context,
    container: &Arc<Container>,
    id: &ContainerId,
    state: &PodState,
) -> Option<Target> {
    let sandbox = state.sandbox.as_ref()?;
    Some(Target {
        env: context.env.clone(),
        runtime: Arc::clone(&context.runtime),
        id: id.clone(),
        container: Arc::clone(container),
        ip: *sandbox.ips.first().or(context.node.addresses.first())?,
    })
}

/// Who the container runs as: its own word, then the pod's.
fn credentials(pod: &Pod, container: &Container) -> Credentials {
    let whole: PodSecurityContext =
        pod.spec.as_ref().and_then(|spec| spec.security_context.clone()).unwrap_or_default();
    let own: SecurityContext = container.security_context.clone().unwrap_or_default();
    let id =
        |own: Option<i64>, whole: Option<i64>| own.or(whole).and_then(|id| u32::try_from(id).ok());
    let groups = whole.supplemental_groups.unwrap_or_default().into_iter().chain(whole.fs_group);
    Credentials {
        user: id(own.run_as_user, whole.run_as_user),
        group: id(own.run_as_group, whole.run_as_group),
        groups: groups.filter_map(|id| u32::try_from(id).ok()).collect(),
        non_root: own.run_as_non_root.or(whole.run_as_non_root) == Some(true),
    }
}
