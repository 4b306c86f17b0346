//! The place of a container: what it runs, as whom, where and with which environment.

use std::io;
use std::path::Path;

use orchestrator_core::runtime::{ContainerConfig, Mount, Propagation, RuntimeError};

use super::child::{self, CONTAINER_VARIABLE};
use super::paths::Paths;
use super::record::{Place, SandboxRecord};

/// Who a container runs as, where that is not who the agent is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Who {
    user: Option<u32>,
    group: Option<u32>,
}

/// Command and arguments.
///
/// # Errors
/// [`RuntimeError::Image`]: there is no command, and no image to take one from.
pub(super) fn command(config: &ContainerConfig) -> Result<Vec<String>, RuntimeError> {
    if config.command.is_empty() {
        return Err(RuntimeError::Image(format!(
            "image {:?} cannot be pulled: the process runtime runs programs of the host, so \
             container {:?} needs a command",
            config.image, config.name
        )));
    }
    Ok(config.command.iter().chain(&config.args).cloned().collect())
}

/// Who the container runs as.
///
/// # Errors
/// [`RuntimeError::Config`]: it may not run as root, or the agent may not change the user.
pub(super) fn credentials(config: &ContainerConfig) -> Result<Who, RuntimeError> {
    let (own_user, own_group) = child::own_ids();
    let wanted = &config.credentials;
    let user = wanted.user.unwrap_or(own_user);
    if wanted.non_root && user == 0 {
        let why = if wanted.user.is_some() {
            "container's runAsUser breaks non-root policy"
        } else {
            "container has runAsNonRoot and image will run as root"
        };
        return Err(RuntimeError::Config(why.into()));
    }
    let group = wanted.group.unwrap_or(if user == own_user { own_group } else { user });
    if own_user != 0 && (user, group) != (own_user, own_group) {
        return Err(RuntimeError::Config(format!(
            "container cannot run as user {user} and group {group}: the agent runs as user \
             {own_user}, and only root may change it"
        )));
    }
    Ok(Who {
        user: Some(user).filter(|user| *user != own_user),
        group: Some(group).filter(|group| *group != own_group),
    })
}

/// A container to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewContainer<'a> {
    /// Where its files go.
    pub(super) dir: &'a Path,
    /// The sandbox that it runs in.
    pub(super) sandbox: &'a SandboxRecord,
    /// What it shall be.
    pub(super) config: &'a ContainerConfig,
    /// Its id.
    pub(super) id: &'a str,
    /// Who it runs as.
    pub(super) who: Who,
    /// Where programs are looked for.
    pub(super) search_path: &'a str,
}

/// Makes the container's root and everything that its processes are started with.
///
/// # Errors
/// The disk's, or a mount path that leaves the root.
pub(super) fn make(new: &NewContainer<'_>) -> io::Result<Place> {
    let NewContainer { dir, config, who, .. } = *new;
    let root = dir.join("root");
    let termination_message = dir.join("termination-log");
    std::fs::write(&termination_message, "")?;
    let mut mounts = config.mounts.clone();
    let path = &config.termination_message_path;
    if !path.is_empty() && mounts.iter().all(|mount| mount.container_path != *path) {
        mounts.push(Mount {
            container_path: path.clone(),
            host_path: termination_message.clone(),
            read_only: false,
            propagation: Propagation::Private,
        });
    }
    let paths = Paths::make(&root, &mounts)?;
    let working_dir = paths.working_dir(&config.working_dir)?;
    if who != Who::default() {
        for path in [&root, &termination_message] {
            std::os::unix::fs::chown(path, who.user, who.group)?;
        }
    }
    let env = environment(new, &paths);
    Ok(Place {
        working_dir,
        env,
        user: who.user,
        group: who.group,
        groups: config.credentials.groups.clone(),
        stop_signal: child::signal_number(&config.stop_signal).unwrap_or(15),
        termination_message,
        log_is_termination_message: config.log_is_termination_message,
        paths,
    })
}

/// The environment: what a program of the host needs, then what the pod says.
fn environment(new: &NewContainer<'_>, paths: &Paths) -> Vec<(String, String)> {
    let NewContainer { sandbox, config, .. } = *new;
    let root = paths.root().to_string_lossy().into_owned();
    let ip = sandbox.ip.map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string());
    let mut env = vec![
        ("PATH".to_owned(), new.search_path.to_owned()),
        ("HOME".to_owned(), root.clone()),
        ("HOSTNAME".to_owned(), sandbox.hostname.clone()),
        ("POD_IP".to_owned(), ip),
        ("ORCHESTRATOR_ROOT".to_owned(), root),
    ];
    if config.tty {
        env.push(("TERM".to_owned(), "xterm".to_owned()));
    }
    for (name, value) in &config.env {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), paths.rewrite(value)));
    }
    env.retain(|(name, _)| name != CONTAINER_VARIABLE);
    env.push((CONTAINER_VARIABLE.to_owned(), new.id.to_owned()));
    env
}
