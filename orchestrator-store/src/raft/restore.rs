//! Makes a first member of an image, before any of them starts.
//!
//! Every member that the cluster begins with gets the same state, as if all had taken one entry
//! from a leader and purged their logs since. The entry is later than what a cluster of nothing
//! begins with, and the number of the cluster depends on what was restored: so a member that was
//! forgotten, and begins with nothing, belongs to another cluster, and nobody listens to it.
//!
//! Who the member is gets noted last: what was broken off is refused, never taken for a member.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use orchestrator_core::Env;

use super::StartError;
use super::builder::Builder;
use super::identity::{self, Identity};
use super::log::lay_marks;
use super::snapshot::lay_image;
use super::state::State;
use super::types::{Members, StoredMembers, Vote, log_id};
use crate::disk::Disk;
use crate::durable::begin_leases_anew;
use crate::image::export;
use crate::mvcc::Mvcc;

/// Term and index of the entry that the restored state stands for.
const ENTRY: (u64, u64) = (1, 1);

/// Makes the member that `builder` describes on the empty `disk`.
pub(super) async fn restore(
    builder: Builder,
    disk: Arc<dyn Disk>,
    mut mvcc: Mvcc,
    env: &Env,
) -> Result<(), StartError> {
    let token = 1 + env.random_below(u64::MAX - 1);
    env.blocking(move || {
        let _lock = disk.lock().map_err(StartError::InUse)?;
        let used = |name: &String| name.starts_with("log-") || name.starts_with("raft-");
        if disk.list().map_err(StartError::Disk)?.iter().any(used) {
            return Err(StartError::Disk(io::ErrorKind::AlreadyExists.into()));
        }
        // The time of the new store begins at zero, whatever that of the old one was.
        begin_leases_anew(&mut mvcc);
        let sum = export(mvcc.fork(), Bytes::new())
            .fold(0, |sum, block| crc32c::crc32c_append(sum, &block));
        let identity = identity::restored(&builder, sum, token)?;
        lay(&*disk, &builder, &identity, mvcc).map_err(StartError::Disk)
    })
    .await
}

fn lay(disk: &dyn Disk, builder: &Builder, identity: &Identity, mvcc: Mvcc) -> io::Result<()> {
    let nodes = identity::first_members(&builder.initial);
    let last_number = nodes.keys().next_back().copied().unwrap_or(0);
    let leader = nodes.keys().next().copied().unwrap_or(0);
    let voters = vec![nodes.keys().copied().collect()];
    let members = Members::new(voters, nodes).map_err(io::Error::other)?;
    let entry = log_id(ENTRY.0, ENTRY.1);
    let state = State {
        last: Some(entry),
        members: StoredMembers::new(Some(entry), members),
        at: Duration::ZERO,
        last_number,
        ..State::default()
    };
    let planted = builder.logged.planted;
    lay_marks(disk, &Vote::new_committed(ENTRY.0, leader), &entry, planted)?;
    lay_image(disk, mvcc, &state, planted)?;
    identity::note(disk, identity, planted)
}
