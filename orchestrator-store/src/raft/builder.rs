//! The options of a member.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;

use super::network::Transport;
use super::witness::Witness;
use super::{RaftStore, StartError};
use super::{restore, start};
use crate::disk::{Disk, Files};
use crate::mvcc::Mvcc;
use crate::operator::MemberId;
use crate::options::{Common, Logged, common_options, logged_options};

/// A member that a cluster begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialMember {
    /// Its number, above 0.
    pub id: MemberId,
    /// What people call it.
    pub name: String,
    /// Where others reach it, in the transport's terms.
    pub peer_urls: Vec<String>,
}

impl InitialMember {
    /// The member `id`, called `name`, that listens at `url`.
    pub fn new(id: MemberId, name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { id, name: name.into(), peer_urls: vec![url.into()] }
    }
}

/// The times of a member; all members should have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) heartbeat: Duration,
    pub(super) election_min: Duration,
    pub(super) election_max: Duration,
    /// How long a request is tried.
    pub(super) request: Duration,
}

impl Timing {
    /// How long to wait for an answer that should come at once.
    pub(super) fn append(&self) -> Duration {
        self.election_max
    }
}

/// When a member makes an image of its state, after which the log before it can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Images {
    /// After how many entries at the most.
    pub(super) entries: u64,
    /// After how many bytes of commands, if that is half of the data at least.
    pub(super) bytes: u64,
    /// How many entries before it stay for members that are not far behind.
    pub(super) kept_entries: u64,
}

/// The options of a [`RaftStore`].
///
/// Limits are agreed on: those of the first leader hold for all members, for good. History is kept
/// as the member that leads was told.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    pub(super) common: Common,
    pub(super) logged: Logged,
    pub(super) peer_urls: Vec<String>,
    pub(super) client_urls: Vec<String>,
    pub(super) initial: Vec<InitialMember>,
    pub(super) join: Vec<String>,
    pub(super) learner: bool,
    pub(super) token: String,
    pub(super) timing: Timing,
    pub(super) images: Images,
    pub(super) witness: Witness,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            common: Common::default(),
            logged: Logged::default(),
            peer_urls: Vec::new(),
            client_urls: Vec::new(),
            initial: Vec::new(),
            join: Vec::new(),
            learner: false,
            token: String::new(),
            timing: Timing {
                heartbeat: Duration::from_millis(50),
                election_min: Duration::from_millis(150),
                election_max: Duration::from_millis(300),
                // As etcd: five seconds, and an election or two.
                request: Duration::from_millis(5_600),
            },
            images: Images { entries: 500_000, bytes: 256 << 20, kept_entries: 2_000 },
            witness: Witness::default(),
        }
    }
}

impl Builder {
    common_options!();
    logged_options!();

    /// Where others reach this member; otherwise as [`initial`](Self::initial) says.
    pub fn peer_url(mut self, url: impl Into<String>) -> Self {
        self.peer_urls.push(url.into());
        self
    }

    /// Where clients reach this member, for those who ask who the members are.
    pub fn client_url(mut self, url: impl Into<String>) -> Self {
        self.client_urls.push(url.into());
        self
    }

    /// The members that the cluster begins with; this one, by its name, among them. All of them
    /// are told the same.
    pub fn initial(mut self, members: impl IntoIterator<Item = InitialMember>) -> Self {
        self.initial = members.into_iter().collect();
        self
    }

    /// Joins a running cluster, of which members listen at `urls`.
    pub fn join(mut self, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.join = urls.into_iter().map(Into::into).collect();
        self
    }

    /// Follows without a vote, where it joins; otherwise it votes once it is in sync.
    pub fn learner(mut self, learner: bool) -> Self {
        self.learner = learner;
        self
    }

    /// Tells clusters apart that begin with equal members.
    pub fn cluster_token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// How long a follower waits for its leader, drawn anew each time from `min` to `max`;
    /// otherwise 150 to 300 ms. Leaders give signs of life three times in the shortest.
    pub fn election_timeout(mut self, min: Duration, max: Duration) -> Self {
        self.timing.election_min = min;
        self.timing.election_max = max;
        self.timing.heartbeat = min / 3;
        self
    }

    /// How long a request is tried before it is given up; otherwise 5.6 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.timing.request = timeout;
        self
    }

    /// Makes an image of the state after `entries` entries, and keeps the last `kept` of them
    /// for members that are behind; otherwise 500,000 (fewer where they are large) and 2,000.
    /// Writes that come together share an entry, of 256 KiB at the most.
    pub fn images(mut self, entries: u64, kept: u64) -> Self {
        self.images.entries = entries.max(1);
        self.images.kept_entries = kept;
        self
    }

    /// Tells `witness` what happens inside.
    #[cfg(feature = "simulation")]
    pub(crate) fn witness(mut self, witness: Witness) -> Self {
        self.witness = witness;
        self
    }

    /// The first member that this one is, if it is one.
    pub(super) fn this(&self) -> Option<&InitialMember> {
        let named = self.initial.iter().find(|member| member.name == self.logged.name);
        named.filter(|member| member.id != 0)
    }

    /// Makes the member on the empty `disk` of `mvcc`, as an [image](crate::image) has brought it
    /// here, so that it can be started. All [`initial`](Self::initial) members are made so, of
    /// equal images; they have its revisions, and leases that begin anew.
    ///
    /// # Errors
    /// [`NotInitial`](StartError::NotInitial), or the disk is not empty, or has failed.
    pub async fn restore(
        self,
        disk: Arc<dyn Disk>,
        mvcc: Mvcc,
        env: &Env,
    ) -> Result<(), StartError> {
        restore::restore(self, disk, mvcc, env).await
    }

    /// Makes the member in the empty folder `folder` of `mvcc`; see [`restore`](Self::restore).
    ///
    /// # Errors
    /// See [`restore`](Self::restore).
    pub async fn restore_path(
        self,
        folder: impl AsRef<Path>,
        mvcc: Mvcc,
        env: &Env,
    ) -> Result<(), StartError> {
        let disk = Files::new(folder.as_ref()).map_err(StartError::Disk)?;
        self.restore(Arc::new(disk), mvcc, env).await
    }

    /// Starts the member on `disk`: goes on where it ended, begins its cluster, or joins one.
    ///
    /// It is there when this returns; whether a majority is, requests will tell.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        self,
        disk: Arc<dyn Disk>,
        transport: Arc<dyn Transport>,
        env: Env,
    ) -> Result<RaftStore, StartError> {
        start::start(self, disk, transport, env).await
    }

    /// Starts the member in the folder `folder`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_path(
        self,
        folder: impl AsRef<Path>,
        transport: Arc<dyn Transport>,
        env: Env,
    ) -> Result<RaftStore, StartError> {
        let disk = Files::new(folder.as_ref()).map_err(StartError::Disk)?;
        self.start(Arc::new(disk), transport, env).await
    }
}
