//! What an [`EtcdServer`](super::EtcdServer) can be told.

use std::time::Duration;

use rustls::ServerConfig;

/// The version that clients are told unless another is set: of the line whose rules the face keeps.
///
/// kube-apiserver reads it as a semantic version and wants 3.5.13 or later for consistent reads
/// from its cache.
pub const VERSION: &str = "3.5.24";

/// The most bytes of a request, as in etcd; what is longer is refused by name.
pub const MAX_REQUEST_BYTES: usize = 1536 * 1024;

/// What a message may have beside its request before the connection refuses it unread.
pub(super) const MESSAGE_SLACK_BYTES: usize = 512 * 1024;

/// How an [`EtcdServer`](super::EtcdServer) serves.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(super) version: String,
    pub(super) min_lease_ttl: Duration,
    pub(super) progress_interval: Duration,
    pub(super) election_timeout: Duration,
    pub(super) max_requests: usize,
    pub(super) max_connections: usize,
    pub(super) tls: Option<ServerConfig>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: VERSION.to_owned(),
            min_lease_ttl: Duration::from_secs(2),
            progress_interval: Duration::from_secs(600),
            election_timeout: Duration::from_secs(1),
            max_requests: 16_384,
            max_connections: 16_384,
            tls: None,
        }
    }
}

impl Options {
    /// etcd's defaults, without TLS.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves over TLS only; see [`tls`](super::tls) for a configuration.
    pub fn tls(mut self, config: ServerConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Whether it serves over TLS only.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The version that clients are told, [`VERSION`] by default.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Leases live at least so long, 2 s by default: what is shorter is made so long.
    pub fn min_lease_ttl(mut self, ttl: Duration) -> Self {
        self.min_lease_ttl = ttl;
        self
    }

    /// How long a watcher that asks for progress is idle before it is told, 10 min by default.
    pub fn progress_interval(mut self, every: Duration) -> Self {
        self.progress_interval = every;
        self
    }

    /// The time after which an election begins, 1 s by default: a watcher that demands a leader
    /// ends when there has been none for three of them.
    pub fn election_timeout(mut self, timeout: Duration) -> Self {
        self.election_timeout = timeout;
        self
    }

    /// The most calls that are being answered at a time, streams aside: 16,384 by default. What
    /// comes beside them is refused as too many.
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.max_requests = requests;
        self
    }

    /// The most connections, 16,384 by default; others wait to be accepted.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }
}
