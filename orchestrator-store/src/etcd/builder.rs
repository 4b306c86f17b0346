//! Where etcd is, who we are, and how long we wait.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint as Dial, Identity};

use super::EtcdStore;
use super::auth::Login;
use super::client::Client;
use super::endpoint::{Endpoint, Endpoints};
use super::floor::Floor;
use super::keys::Prefix;
use super::watch::Watches;

/// How long a call may take with all its attempts: a few elections of an etcd with a slow disk.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// How long a connection may take to be made, with its handshake.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// How many calls are on their way at a time: what one connection carries without queueing long.
const IN_FLIGHT: usize = 1000;

/// How long a connection with open calls may be silent before the other side is asked whether it
/// is there, and how long it has to answer. etcd hangs up on who asks more often than every 5 s.
const ALIVE: Duration = Duration::from_secs(10);

/// The window of one answer: a page of a list goes without waiting for an acknowledgement.
const STREAM_WINDOW: u32 = 4 << 20;

/// The window of a connection.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Options for an [`EtcdStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    endpoints: Vec<String>,
    tls: Option<Tls>,
    login: Option<(String, Secret)>,
    prefix: Vec<u8>,
    request_time: Duration,
    connect_time: Duration,
    in_flight: usize,
}

/// Why an [`EtcdStore`] cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is nobody to speak to.
    #[error("no endpoint is given")]
    NoEndpoint,
    /// An endpoint is no address.
    #[error("endpoint {endpoint:?} is no http or https address")]
    Endpoint {
        /// As it was given.
        endpoint: String,
    },
    /// An endpoint speaks TLS, and nothing says whose certificates are good.
    #[error("endpoint {endpoint:?} needs a certificate authority")]
    NoAuthority {
        /// As it was given.
        endpoint: String,
    },
    /// A certificate or key cannot be read.
    #[error("a certificate or key cannot be used")]
    Tls(#[source] orchestrator_core::BoxError),
    /// A limit of zero lets nothing through.
    #[error("{0} must not be zero")]
    Zero(&'static str),
}

/// Whom to trust, and who we are, in PEM.
#[derive(Clone, Debug)]
#[must_use]
pub struct Tls {
    authority: Vec<u8>,
    client: Option<(Vec<u8>, Secret)>,
    server_name: Option<String>,
}

/// Bytes that no trace shows.
#[derive(Clone)]
struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Tls {
    /// Trusts servers whose certificates come from `authority` (PEM, one or more certificates).
    pub fn new(authority: impl Into<Vec<u8>>) -> Self {
        Self { authority: authority.into(), client: None, server_name: None }
    }

    /// Shows this certificate, and holds its key (both PEM).
    pub fn client(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client = Some((certificate.into(), Secret(key.into())));
        self
    }

    /// Expects this name in the server's certificate instead of the endpoint's host.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    fn config(&self) -> ClientTlsConfig {
        let mut config =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority));
        if let Some((certificate, key)) = &self.client {
            config = config.identity(Identity::from_pem(certificate, &key.0));
        }
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        config
    }
}

impl Builder {
    pub(super) fn new(endpoints: Vec<String>) -> Self {
        Self {
            endpoints,
            tls: None,
            login: None,
            prefix: Vec::new(),
            request_time: REQUEST_TIME,
            connect_time: CONNECT_TIME,
            in_flight: IN_FLIGHT,
        }
    }

    /// Speaks TLS to endpoints that begin with `https:`.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Logs in with a name and a password.
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some((user.into(), Secret(password.into().into_bytes())));
        self
    }

    /// Puts all keys of the store behind `prefix`; others in the same etcd are never seen.
    ///
    /// Revisions are the cluster's: where others write, those of this store have gaps.
    pub fn prefix(mut self, prefix: impl Into<Vec<u8>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a call may take with all its attempts; 10 s unless told.
    pub fn request_timeout(mut self, time: Duration) -> Self {
        self.request_time = time;
        self
    }

    /// How long a connection may take to be made; 2 s unless told.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_time = time;
        self
    }

    /// How many calls are on their way at a time, the rest wait; 1,000 unless told.
    pub fn in_flight(mut self, calls: usize) -> Self {
        self.in_flight = calls;
        self
    }

    /// Makes the store. Connections are made when they are first needed, so this does not tell
    /// whether etcd is there.
    ///
    /// # Errors
    /// [`ConfigError`].
    ///
    /// # Panics
    /// There is no tokio runtime.
    pub fn build(self, env: Env) -> Result<EtcdStore, ConfigError> {
        for (limit, name) in [
            (self.in_flight.min(1), "the number of calls"),
            (usize::from(!self.request_time.is_zero()), "the time of a request"),
            (usize::from(!self.connect_time.is_zero()), "the time of a connection"),
        ] {
            if limit == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        let endpoints: Vec<_> =
            self.endpoints.iter().map(|uri| self.endpoint(uri)).collect::<Result<_, _>>()?;
        if endpoints.is_empty() {
            return Err(ConfigError::NoEndpoint);
        }
        let endpoints = Endpoints::new(env.clone(), endpoints);
        let login = self.login.map(|(user, password)| {
            Login::new(user, String::from_utf8_lossy(&password.0).into_owned())
        });
        let client = Client::new(env, endpoints, login, self.request_time, self.in_flight);
        let client = Arc::new(client);
        let prefix = Prefix::new(self.prefix);
        let watches = Watches::new(Arc::clone(&client), prefix.clone());
        Ok(EtcdStore { client, prefix, floor: Floor::new(), watches })
    }

    fn endpoint(&self, uri: &str) -> Result<Endpoint, ConfigError> {
        let refused = || ConfigError::Endpoint { endpoint: uri.to_owned() };
        // etcd's own tools take an address without a scheme.
        let full = if uri.contains("://") { uri.to_owned() } else { format!("http://{uri}") };
        // The transport would take the path of a socket as well, which no certificate is for.
        let scheme = full.split_once("://").map(|(scheme, _)| scheme.to_owned());
        let mut dial = Dial::from_shared(full).map_err(|_| refused())?;
        match (scheme.as_deref(), &self.tls) {
            (Some("http"), _) => {}
            (Some("https"), Some(tls)) => {
                let config = tls.config().timeout(self.connect_time);
                dial = dial.tls_config(config).map_err(|error| ConfigError::Tls(error.into()))?;
            }
            (Some("https"), None) => {
                return Err(ConfigError::NoAuthority { endpoint: uri.to_owned() });
            }
            _ => return Err(refused()),
        }
        let calls = self.connection(&dial);
        let streams = self.connection(&dial);
        Ok(Endpoint::new(uri.to_owned(), calls, streams))
    }

    fn connection(&self, dial: &Dial) -> Channel {
        dial.clone()
            .connect_timeout(self.connect_time)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(ALIVE)
            .keep_alive_timeout(ALIVE)
            .keep_alive_while_idle(false)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .connect_lazy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(builder: Builder) -> String {
        builder.build(Env::system()).expect_err("it is refused").to_string()
    }

    #[tokio::test]
    async fn what_cannot_work_is_refused_at_once() {
        let one = |uri: &str| EtcdStore::builder([uri]);
        assert_eq!(refused(EtcdStore::builder::<String>([])), "no endpoint is given");
        let cases = [
            ("unix:///run/etcd", "endpoint \"unix:///run/etcd\" is no http or https address"),
            ("https://a:2379", "endpoint \"https://a:2379\" needs a certificate authority"),
            ("http://a b", "endpoint \"http://a b\" is no http or https address"),
        ];
        for (uri, wanted) in cases {
            assert_eq!(refused(one(uri)), wanted);
        }
        assert_eq!(refused(one("a:1").in_flight(0)), "the number of calls must not be zero");
        let tls = Tls::new("no certificate").client("no certificate", "no key");
        let unreadable = refused(one("https://a:2379").tls(tls));
        assert_eq!(unreadable, "a certificate or key cannot be used");
        assert!(one("127.0.0.1:2379").build(Env::system()).is_ok());
    }

    #[test]
    fn no_trace_shows_a_secret() {
        let tls = Tls::new("ca").client("certificate", "PRIVATE");
        let shown = format!("{:?}", EtcdStore::builder(["a:1"]).login("root", "hunter2").tls(tls));
        assert!(!shown.contains("hunter2") && shown.contains("[secret]"), "{shown}");
    }
}
