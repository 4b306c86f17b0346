//! Custom resources: stored definitions, brought to life.
//!
//! `follow` watches the CustomResourceDefinitions in the store, so that several servers on one
//! store see each other's. For each change it decides about names and conditions (`status`),
//! makes what is served (`kind`, with `strategy` and `columns`) and puts it into the registry;
//! `finalize` deletes the objects of a definition that is on its way out. `convert` and `webhook`
//! stand between the version that is stored and those that are served.
//!
//! Nothing else in the server knows custom resources but for these hooks: a [`Resource`] may have
//! a [`CustomKind`], and a deletion of a definition begins in `deletion`.
//!
//! [`Resource`]: crate::registry::Resource

mod columns;
mod convert;
pub(crate) mod deletion;
mod finalize;
mod follow;
mod kind;
mod status;
mod strategy;
#[cfg(test)]
mod tests;
pub(crate) mod versions;
mod webhook;

pub(crate) use kind::{CustomKind, ScalePaths};

use std::sync::Arc;

use orchestrator_core::env::Task;
use orchestrator_core::{Env, GroupVersionResource, Status};
use parking_lot::Mutex;

use crate::registry::{Objects, Registry};
use crate::server::ApiServer;

/// The task that follows definitions, owned by the server.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    task: Mutex<Option<Task<()>>>,
}

/// What the parts of this module reach.
#[derive(Clone, Debug)]
struct Plane {
    env: Env,
    registry: Registry,
    objects: Objects,
}

/// The resource of definitions.
fn definitions() -> GroupVersionResource {
    GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions")
}

/// Serves the kinds whose definitions are stored, and follows what becomes of them.
///
/// # Errors
/// The store's.
pub(crate) async fn start(server: &ApiServer) -> Result<(), Status> {
    if server.registry.get(&definitions()).is_none() {
        return Ok(());
    }
    let plane = Plane {
        env: server.env.clone(),
        registry: server.registry.clone(),
        objects: server.objects.clone(),
    };
    let mut follower = follow::Follower::new(plane);
    follower.load().await?;
    let task = server.env.spawn("custom resources", follower.run());
    server.custom.task.lock().replace(task);
    Ok(())
}

/// The kind that a resource is of, where that was made at run time.
pub(crate) type Kind = Option<Arc<CustomKind>>;
