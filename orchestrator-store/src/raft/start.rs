//! Puts a member together and sets it going.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use openraft::{Config, Raft, SnapshotPolicy};
use orchestrator_core::Env;

use super::agreement::{Agreement, Reconfigure};
use super::builder::{Builder, Timing};
use super::clock::Clock;
use super::consensus::Consensus;
use super::engine::Engine;
use super::identity::{self, Identity};
use super::inbox::Ear;
use super::log::{Log, Options};
use super::machine::{Copy, Machine};
use super::network::{Factory, Links, Transport};
use super::runtime::Tasks;
use super::snapshot::Snapshots;
use super::state::State;
use super::turnstile::Turnstile;
use super::{RaftStore, StartError};
use crate::disk::Disk;
use crate::mvcc::Mvcc;
use crate::planted::{Fault, Planted};
use crate::replica::Replica;

/// The longest that a whole snapshot may take on its way, in milliseconds.
const SNAPSHOT_MS: u64 = 3_600_000;

/// The most entries in one call; their bytes are bounded by the log's reader.
const MAX_CALL_ENTRIES: u64 = 4096;

/// How often it is looked whether an image is due, in entries.
const LOOK_AT_IMAGES: u64 = 500;

/// Starts a member.
pub(super) async fn start(
    builder: Builder,
    disk: Arc<dyn Disk>,
    transport: Arc<dyn Transport>,
    env: Env,
) -> Result<RaftStore, StartError> {
    let locking = Arc::clone(&disk);
    let lock = env.blocking(move || locking.lock()).await.map_err(StartError::InUse)?;
    let ear = Ear::default();
    let serving = transport.serve(Arc::new(ear.clone())).await;
    let serving = serving.map_err(StartError::Listen)?;
    let identity = identity::find(&builder, &disk, &transport, &env).await?;
    let tasks = Tasks::default();
    let parts = Parts { builder: &builder, identity: &identity, env: &env, tasks: &tasks };
    let engine = Arc::new(parts.assemble(disk, Arc::clone(&transport)).await?);
    if !builder.initial.is_empty() {
        let first = identity::first_members(&builder.initial);
        // Refused where the log has entries already, which is as it should be.
        let _ = engine.agreement.reconfigure(Reconfigure::Begin(first)).await;
    }
    ear.open(Arc::clone(&engine));
    let node = identity::node(&builder, identity.token);
    let learner = builder.learner;
    let work = |name, engine: &Arc<Engine>| (name, Arc::clone(engine));
    let (name, keeping) = work("raft-keeper", &engine);
    tasks.spawn(&env, name, async move { keeping.keep().await });
    let (name, reading) = work("raft-reads", &engine);
    tasks.spawn(&env, name, async move { reading.serve_reads().await });
    let (name, forwarding) = work("raft-writes", &engine);
    tasks.spawn(&env, name, async move { forwarding.forward_writes().await });
    let (name, watching) = work("raft-disk", &engine);
    tasks.spawn(&env, name, async move { watching.watch_disk().await });
    let (name, introducing) = work("raft-introduction", &engine);
    tasks.spawn(&env, name, async move { introducing.introduce(node, learner).await });
    Ok(RaftStore::new(engine, tasks, serving, lock))
}

struct Parts<'a> {
    builder: &'a Builder,
    identity: &'a Identity,
    env: &'a Env,
    tasks: &'a Tasks,
}

impl Parts<'_> {
    async fn assemble(
        &self,
        disk: Arc<dyn Disk>,
        transport: Arc<dyn Transport>,
    ) -> Result<Engine, StartError> {
        let Self { builder, identity, env, tasks } = self;
        let (timing, planted) = (builder.timing, builder.logged.planted);
        let opened = Snapshots::open(env, Arc::clone(&disk), planted, builder.images).await;
        let (snapshots, held) = opened.map_err(StartError::Disk)?;
        let fresh = || (Mvcc::new(builder.common.limits.clone()), State::default());
        let (mvcc, state) = held.unwrap_or_else(fresh);
        let replica = Replica::new((*env).clone(), env.instant(), mvcc, None).planted(planted);
        let copy = Arc::new(Copy::new(Arc::new(replica), state, builder.witness.clone()));
        let snapshots = Arc::new(snapshots);
        let Identity { cluster, id, .. } = **identity;
        let witness = builder.witness.clone();
        let segment_bytes = builder.logged.segment_bytes;
        let options = Options { cluster, segment_bytes, planted, witness };
        let log = Log::open(env, disk, options, tasks).await?;
        let links = Links { env: (*env).clone(), transport, cluster, this: id, timing };
        let links = Arc::new(links);
        let machine = Machine { copy: Arc::clone(&copy), snapshots: Arc::clone(&snapshots) };
        let config = Arc::new(self.config()?);
        let new = Raft::new(id, config, Factory(Arc::clone(&links)), log.clone(), machine);
        let raft = tasks.scope(env, new).await;
        let raft = raft.map_err(|error| StartError::Damaged(error.into()))?;
        let consensus = Consensus {
            this: id,
            env: (*env).clone(),
            timing,
            raft,
            copy: Arc::clone(&copy),
            snapshots: Arc::clone(&snapshots),
            clock: Clock::new((*env).clone(), planted),
            entries: Default::default(),
            turnstile: Turnstile::new((*env).clone(), timing.append()),
        };
        let consensus = Arc::new(consensus);
        let proposing = Arc::clone(&consensus);
        tasks.spawn(env, "raft-entries", async move { proposing.propose_commands().await });
        let agreement: Arc<dyn Agreement> = consensus;
        Ok(Engine {
            env: (*env).clone(),
            planted,
            this: id,
            cluster,
            timing,
            limits: builder.common.limits.clone(),
            keep_history: builder.common.keep_history,
            links,
            agreement,
            copy,
            log,
            snapshots,
            reads: Default::default(),
            writes: Default::default(),
            once: Default::default(),
            session: env.random_below(u64::MAX),
            proposals: AtomicU64::new(0),
            changing: tokio::sync::Mutex::new(()),
        })
    }

    fn config(&self) -> Result<Config, StartError> {
        let Builder { timing, images, logged, .. } = self.builder;
        let Timing { heartbeat, election_min, election_max, .. } = timing;
        let ms = |time: &std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let config = Config {
            cluster_name: format!("{:x}", self.identity.cluster),
            heartbeat_interval: ms(heartbeat).max(1),
            election_timeout_min: ms(election_min),
            election_timeout_max: ms(election_max),
            backoff: format!("{}ms", ms(heartbeat).max(1)),
            install_snapshot_timeout: SNAPSHOT_MS,
            max_payload_entries: MAX_CALL_ENTRIES,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(images.entries.min(LOOK_AT_IMAGES)),
            max_in_snapshot_log_to_keep: images.kept_entries,
            // Each purge is noted on disk.
            purge_batch_size: (images.kept_entries / 4).max(1),
            enable_leader_restore: Some(logged.planted.has(Fault::LeaderRestore)),
            enable_pre_vote: Some(true),
            // A member whose disk was replaced while it reached nobody comes back with nothing
            // before it can be told that it is lost. It then counts for nothing that it once had.
            // Where a fault is planted this would mend what is to be found.
            allow_log_reversion: Some(logged.planted == Planted::NONE),
            ..Config::default()
        };
        config.validate().map_err(|error| StartError::Options(error.to_string()))
    }
}
