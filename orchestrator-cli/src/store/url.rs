//! Names of stores on the command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A store, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A memory store that ends with this process: something to try a command on.
    Memory,
    /// The files of the durable engine.
    Durable(PathBuf),
    /// The files of a member of several, before it is started for the first time.
    Member(PathBuf),
    /// A running etcd, or what looks like one.
    Etcd {
        /// Its members, as in `10.0.0.1:2379`.
        hosts: Vec<String>,
        /// Whether TLS is spoken.
        tls: bool,
    },
}

/// Why a text names no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No scheme that we know.
    #[error("must begin with durable:, raft:, etcd://, etcds:// or memory:")]
    Scheme,
    /// A path is missing.
    #[error("names no directory; it must be like durable:/var/lib/orchestrator/store")]
    Path,
    /// Hosts are missing.
    #[error("names no host; it must be like etcd://127.0.0.1:2379")]
    Host,
}

impl StoreUrl {
    /// The addresses of a running etcd, as its client wants them.
    pub fn endpoints(hosts: &[String], tls: bool) -> Vec<String> {
        let scheme = if tls { "https" } else { "http" };
        hosts.iter().map(|host| format!("{scheme}://{host}")).collect()
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::Scheme)?;
        let path = || match rest.strip_prefix("//").unwrap_or(rest) {
            "" => Err(UrlError::Path),
            path => Ok(PathBuf::from(path)),
        };
        match scheme {
            "memory" => Ok(Self::Memory),
            "durable" => path().map(Self::Durable),
            "raft" => path().map(Self::Member),
            "etcd" | "etcds" => {
                let hosts = rest.strip_prefix("//").ok_or(UrlError::Host)?.trim_end_matches('/');
                let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
                if hosts.iter().any(|host| host.is_empty() || host.contains('/')) {
                    return Err(UrlError::Host);
                }
                Ok(Self::Etcd { hosts, tls: scheme == "etcds" })
            }
            _ => Err(UrlError::Scheme),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Durable(path) => write!(f, "durable:{}", path.display()),
            Self::Member(path) => write!(f, "raft:{}", path.display()),
            Self::Etcd { hosts, tls: false } => write!(f, "etcd://{}", hosts.join(",")),
            Self::Etcd { hosts, tls: true } => write!(f, "etcds://{}", hosts.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_one_name_and_a_wrong_one_says_what_is_missing() {
        for text in ["memory:", "durable:/a/b", "raft:/a/b", "etcd://a:1,b:2", "etcds://[::1]:2379"]
        {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
        }
        let cases = [
            ("", UrlError::Scheme),
            ("/var/lib", UrlError::Scheme),
            ("zookeeper://a", UrlError::Scheme),
            ("durable:", UrlError::Path),
            ("raft:", UrlError::Path),
            ("etcd:a:1", UrlError::Host),
            ("etcd://", UrlError::Host),
            ("etcd://a:1,,b:2", UrlError::Host),
            ("etcd://a:1/path", UrlError::Host),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<StoreUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn hosts_become_endpoints() {
        let hosts = ["a:1".to_owned(), "b:2".to_owned()];
        assert_eq!(StoreUrl::endpoints(&hosts, true), ["https://a:1", "https://b:2"]);
    }
}
