//! Containers: started, stopped, changed, removed, looked at.

use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use orchestrator_core::node::LogOptions;
use orchestrator_core::runtime::{
    ContainerConfig, ContainerId, ContainerPhase, Resources, RuntimeError, RuntimeEvent,
};
use orchestrator_logs::Log;

use super::facts::{self, ContainerFacts, PodName};
use super::table::{Owner, Sandbox};
use super::translate::{self, NewContainer};
use super::{Core, exits, sandboxes};
use crate::error::{failed, gone, is_not_found, told};
use crate::wire::{cri, tasks};

/// The signal that nobody can refuse.
const KILL: u32 = 9;

impl Core {
    /// Makes a container and starts it.
    pub(super) async fn start(
        &self,
        config: &ContainerConfig,
    ) -> Result<ContainerId, RuntimeError> {
        let (pod, sandbox) = self.ready_sandbox(config)?;
        let _turn = self.busy.turn(format!("{}/{}", pod.uid, config.name)).await;
        let same = self.same_container(config);
        let id = match same {
            Some((id, ContainerPhase::Created)) => id,
            Some((id, _)) => return Ok(id),
            None => self.create(&pod, &sandbox, config).await?,
        };
        let request = cri::StartContainerRequest { container_id: id.as_str().into() };
        let started = self.link.runtime().start_container(request).await;
        self.look_at_container(id.as_str()).await?;
        self.changed(&pod.uid);
        let what = || format!("cannot start container {:?}", config.name);
        started.map(|_| id).map_err(|status| failed(&what(), &status))
    }

    fn ready_sandbox(&self, config: &ContainerConfig) -> Result<(PodName, Sandbox), RuntimeError> {
        let table = self.table.lock();
        let found = table.sandbox(config.sandbox.as_str()).filter(|(_, sandbox)| sandbox.ready);
        let (pod, sandbox) =
            found.ok_or_else(|| RuntimeError::NotFound(format!("sandbox {}", config.sandbox)))?;
        Ok((pod.clone(), sandbox.clone()))
    }

    fn same_container(&self, config: &ContainerConfig) -> Option<(ContainerId, ContainerPhase)> {
        let table = self.table.lock();
        let (_, sandbox) = table.sandbox(config.sandbox.as_str())?;
        let mut states = sandbox.containers.iter().map(|container| &container.state);
        let same = states.find(|s| s.name == config.name && s.attempt == config.attempt)?;
        Some((same.id.clone(), same.phase.clone()))
    }

    async fn create(
        &self,
        pod: &PodName,
        sandbox: &Sandbox,
        config: &ContainerConfig,
    ) -> Result<ContainerId, RuntimeError> {
        let image = self.find_image(&config.image).await?;
        let image = image.ok_or_else(|| {
            RuntimeError::Image(format!("image {:?} is not present", config.image))
        })?;
        let user = super::images::user(&image);
        if config.credentials.non_root && config.credentials.user.is_none() {
            refuse_root(&user)?;
        }
        let dir = facts::run_dir(&self.pods, &pod.uid, &config.name, config.attempt);
        let facts = ContainerFacts::of(config, dir);
        prepare(config, &facts).map_err(|error| {
            RuntimeError::Create(format!("cannot prepare the files of the container: {error}"))
        })?;
        let target = sandbox.containers.iter().rev().find(|container| {
            container.state.name == config.target && container.state.is_running()
        });
        let new = NewContainer {
            node: &self.node,
            pod,
            sandbox,
            config,
            facts: &facts,
            image: &image.id,
            user: &user,
            target: target.map(|container| container.state.id.as_str()),
        };
        let request = cri::CreateContainerRequest {
            pod_sandbox_id: sandbox.id.clone(),
            config: Some(translate::container(&new)),
            sandbox_config: Some(translate::sandbox_again(&self.pods, pod, sandbox)),
        };
        let answer = self.link.runtime().create_container(request).await;
        let id = answer.map_err(|status| match failed("", &status) {
            error @ RuntimeError::Unavailable(_) => error,
            _ => RuntimeError::Create(told(&status)),
        })?;
        let id = id.into_inner().container_id;
        // Known before it runs, so that its end finds it however soon it comes.
        self.look_at_container(&id).await?;
        Ok(id.into())
    }

    /// Reads what containerd says of a container; whether it knows it.
    pub(super) async fn look_at_container(&self, id: &str) -> Result<bool, RuntimeError> {
        let request = cri::ContainerStatusRequest { container_id: id.into() };
        let status = match self.link.runtime().container_status(request).await {
            Ok(answer) => answer.into_inner().status.unwrap_or_default(),
            Err(status) if is_not_found(&status) => return Ok(false),
            Err(status) => return Err(failed("cannot look at the container", &status)),
        };
        let metadata = status.metadata.clone().unwrap_or_default();
        let known = {
            let table = self.table.lock();
            let known = table.container(id).map(|(sandbox, _)| sandbox.to_owned());
            known.map(|sandbox| {
                let uid = table.sandbox(&sandbox).map(|(pod, _)| pod.uid.clone());
                (sandbox, uid.unwrap_or_default())
            })
        };
        let (sandbox, uid) = match known {
            Some(known) => known,
            None => match self.sandbox_of(id).await? {
                Some(sandbox) => {
                    let uid = self.table.lock().sandbox(&sandbox).map(|(pod, _)| pod.uid.clone());
                    (sandbox, uid.unwrap_or_default())
                }
                None => return Ok(false),
            },
        };
        let dir = facts::run_dir(&self.pods, &uid, &metadata.name, metadata.attempt);
        let facts = ContainerFacts::read(&status.annotations, dir);
        let container = exits::container(&status, facts);
        self.table.lock().put_container(&sandbox, container);
        Ok(true)
    }

    async fn sandbox_of(&self, id: &str) -> Result<Option<String>, RuntimeError> {
        let filter = cri::ContainerFilter { id: id.into(), ..cri::ContainerFilter::default() };
        let request = cri::ListContainersRequest { filter: Some(filter) };
        let answer = self.link.runtime().list_containers(request).await;
        let answer = answer.map_err(|status| failed("cannot list the containers", &status))?;
        let mut found = answer.into_inner().containers.into_iter();
        Ok(found.next().map(|container| container.pod_sandbox_id))
    }

    /// Asks a container to end, and ends it when `grace` is over; returns when it has ended.
    pub(super) async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), RuntimeError> {
        let (signal, uid) = {
            let table = self.table.lock();
            let Some((_, container)) = table.container(id.as_str()) else { return Ok(()) };
            if container.state.exit().is_some() {
                return Ok(());
            }
            let Some(Owner::Container { uid }) = table.owner(id.as_str()) else { return Ok(()) };
            (container.facts.stop_signal.clone(), uid)
        };
        let mut grace = grace;
        if !signal.is_empty() && !grace.is_zero() {
            self.ask(id, &signal).await?;
            tokio::select! {
                biased;
                () = self.ended(id) => {}
                () = self.env.sleep(grace) => {}
            }
            grace = Duration::ZERO;
        }
        let timeout = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        let request = cri::StopContainerRequest { container_id: id.as_str().into(), timeout };
        gone(self.link.runtime().stop_container(request).await, "cannot stop the container")?;
        self.look_at_container(id.as_str()).await?;
        self.changed(&uid);
        Ok(())
    }

    /// Sends the signal that the pod has chosen.
    async fn ask(&self, id: &ContainerId, signal: &str) -> Result<(), RuntimeError> {
        let request = tasks::KillRequest {
            container_id: id.as_str().into(),
            signal: number_of(signal).unwrap_or(KILL),
            ..tasks::KillRequest::default()
        };
        gone(self.link.tasks().kill(request).await, "cannot signal the container")
    }

    /// Waits until the container has ended, or is gone.
    pub(crate) async fn ended(&self, id: &ContainerId) {
        let mut events = self.events.subscribe();
        loop {
            let runs = {
                let table = self.table.lock();
                table.container(id.as_str()).is_some_and(|(_, c)| c.state.exit().is_none())
            };
            if !runs {
                return;
            }
            let _: Option<RuntimeEvent> = events.next().await;
        }
    }

    /// Changes what a container may use.
    pub(super) async fn update(
        &self,
        id: &ContainerId,
        resources: &Resources,
    ) -> Result<(), RuntimeError> {
        self.running(id)?;
        let linux = Some(translate::resources(resources));
        let request =
            cri::UpdateContainerResourcesRequest { container_id: id.as_str().into(), linux };
        let updated = self.link.runtime().update_container_resources(request).await;
        updated.map(drop).map_err(|status| failed("cannot change the limits", &status))
    }

    /// Forgets a container, with its log.
    pub(super) async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let (dir, uid) = {
            let table = self.table.lock();
            let Some((_, container)) = table.container(id.as_str()) else { return Ok(()) };
            let Some(Owner::Container { uid }) = table.owner(id.as_str()) else { return Ok(()) };
            (container.facts.dir.clone(), uid)
        };
        self.stop(id, Duration::ZERO).await?;
        let request = cri::RemoveContainerRequest { container_id: id.as_str().into() };
        gone(self.link.runtime().remove_container(request).await, "cannot remove the container")?;
        sandboxes::remove_dir(&dir)
            .map_err(|error| RuntimeError::failed("cannot remove the container's files", error))?;
        self.table.lock().remove_container(id.as_str());
        self.changed(&uid);
        Ok(())
    }

    /// What is known of a container that runs.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::NotRunning`].
    pub(super) fn running(&self, id: &ContainerId) -> Result<ContainerFacts, RuntimeError> {
        let table = self.table.lock();
        let found = table.container(id.as_str());
        let (_, found) = found.ok_or_else(|| RuntimeError::NotFound(format!("container {id}")))?;
        match found.state.is_running() {
            true => Ok(found.facts.clone()),
            false => Err(RuntimeError::NotRunning(id.clone())),
        }
    }

    /// The log of a container.
    pub(super) fn log(
        self: &std::sync::Arc<Self>,
        id: &ContainerId,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, bytes::Bytes>, RuntimeError> {
        let (dir, runs) = {
            let table = self.table.lock();
            let found = table.container(id.as_str());
            let (_, container) =
                found.ok_or_else(|| RuntimeError::NotFound(format!("container {id}")))?;
            (container.facts.log(), container.state.exit().is_none())
        };
        if !options.follow || !runs {
            return Ok(orchestrator_logs::read(Log::closed(&dir), options));
        }
        let (core, watched) = (std::sync::Arc::clone(self), id.clone());
        let ended = async move { core.ended(&watched).await };
        let (log, follow) = Log::watched(&dir, ended)
            .map_err(|error| RuntimeError::failed("cannot follow the log", error))?;
        let follow = self.env.spawn("container log", follow);
        let lines = orchestrator_logs::read(log, options);
        // The stream owns the task that tells it of growth.
        Ok(lines.inspect(move |_| _ = &follow).boxed())
    }
}

/// Makes the files that a container finds.
fn prepare(config: &ContainerConfig, facts: &ContainerFacts) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    sandboxes::component(&config.name)?;
    orchestrator_logs::begin(&facts.log())?;
    let message = facts.message();
    std::fs::write(&message, "")?;
    // Whoever runs in the container may write it.
    std::fs::set_permissions(&message, std::fs::Permissions::from_mode(0o666))
}

fn refuse_root(user: &translate::ImageUser) -> Result<(), RuntimeError> {
    match user {
        translate::ImageUser { uid: Some(0), .. } => Err(RuntimeError::Config(
            "container has runAsNonRoot and image will run as root".into(),
        )),
        translate::ImageUser { uid: None, name } if !name.is_empty() => {
            Err(RuntimeError::Config(format!(
                "container has runAsNonRoot and image has non-numeric user ({name}), cannot \
                 verify user is non-root"
            )))
        }
        translate::ImageUser { uid: None, .. } => Err(RuntimeError::Config(
            "container has runAsNonRoot and image will run as root".into(),
        )),
        _ => Ok(()),
    }
}

/// The number of a signal by its name.
fn number_of(name: &str) -> Option<u32> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    const FIRST_REALTIME: u32 = 34;
    const LAST: u32 = 64;
    let name = name.strip_prefix("SIG").unwrap_or(name);
    if let Some(place) = NAMES.iter().position(|known| *known == name) {
        return u32::try_from(place + 1).ok();
    }
    let number = match name.strip_prefix("RTMIN") {
        Some("") => FIRST_REALTIME,
        Some(more) => FIRST_REALTIME + more.strip_prefix('+')?.parse::<u32>().ok()?,
        None => match name.strip_prefix("RTMAX")? {
            "" => LAST,
            less => LAST.checked_sub(less.strip_prefix('-')?.parse().ok()?)?,
        },
    };
    (FIRST_REALTIME..=LAST).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_the_numbers_of_linux() {
        let cases = [
            ("SIGHUP", Some(1)),
            ("SIGKILL", Some(9)),
            ("SIGTERM", Some(15)),
            ("SIGSYS", Some(31)),
            ("SIGRTMIN", Some(34)),
            ("SIGRTMIN+3", Some(37)),
            ("SIGRTMAX-1", Some(63)),
            ("SIGRTMAX-99", None),
            ("SIGNONE", None),
        ];
        for (name, number) in cases {
            assert_eq!(number_of(name), number, "{name}");
        }
    }

    #[test]
    fn an_image_that_runs_as_root_is_refused_where_root_is_not_wanted() {
        let user = |uid, name: &str| translate::ImageUser { uid, name: name.into() };
        assert!(refuse_root(&user(Some(1000), "")).is_ok());
        for root in [user(Some(0), ""), user(None, ""), user(None, "web")] {
            assert!(refuse_root(&root).is_err(), "{root:?}");
        }
    }
}
