//! Where the server is and how to prove who we are: the parts of a kubeconfig that matter here.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator_core::BoxError;
use serde::Deserialize;

/// Where a pod finds its service account.
const IN_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A server and the credentials for it.
#[derive(Clone, Default)]
pub struct RemoteConfig {
    /// The server's address, as in `https://127.0.0.1:6443`.
    pub server: String,
    /// The CA that signed the server's certificate, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Take any certificate of the server.
    pub insecure: bool,
    /// A bearer token.
    pub token: Option<String>,
    /// A client certificate and its key, as PEM.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteConfig").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The kubeconfig is no YAML of the known form.
    #[error("cannot parse kubeconfig {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// Something that the configuration refers to is not in it.
    #[error("kubeconfig has no {what} named {name:?}")]
    Missing {
        /// `context`, `cluster` or `user`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A way to authenticate that is not supported here.
    #[error(
        "kubeconfig user {user:?} uses {method}, which is not supported; use a token or a client certificate"
    )]
    Unsupported {
        /// The user.
        user: String,
        /// The method.
        method: &'static str,
    },
    /// Certificates, keys or the address cannot be used.
    #[error("cannot use {what}")]
    Unusable {
        /// Which part.
        what: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    contexts: Vec<Named<Context>>,
    #[serde(default)]
    clusters: Vec<Named<Cluster>>,
    #[serde(default)]
    users: Vec<Named<User>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user")]
    value: T,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    exec: Option<serde::de::IgnoredAny>,
    auth_provider: Option<serde::de::IgnoredAny>,
}

impl RemoteConfig {
    /// The current context of a kubeconfig file.
    ///
    /// # Errors
    /// The file cannot be read or parsed, or refers to what is not there.
    pub fn from_kubeconfig(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let parse = |source: BoxError| ConfigError::Parse { path: path.into(), source };
        let text = String::from_utf8(text).map_err(|e| parse(e.into()))?;
        let config: Kubeconfig = serde_saphyr::from_str(&text).map_err(|e| parse(e.into()))?;
        let context = find("context", &config.contexts, &config.current_context)?;
        let cluster = find("cluster", &config.clusters, &context.cluster)?;
        let nobody = User::default();
        let user = match context.user.as_str() {
            "" => &nobody,
            name => find("user", &config.users, name)?,
        };
        let base = path.parent().unwrap_or(Path::new(""));
        Self::join(base, cluster, user, &context.user)
    }

    fn join(base: &Path, cluster: &Cluster, user: &User, name: &str) -> Result<Self, ConfigError> {
        let unsupported = |method| ConfigError::Unsupported { user: name.into(), method };
        if user.exec.is_some() {
            return Err(unsupported("an exec plugin"));
        }
        if user.auth_provider.is_some() {
            return Err(unsupported("an auth provider"));
        }
        let pem = |data, file| pem(base, data, file);
        let certificate = pem(&user.client_certificate_data, &user.client_certificate)?;
        let key = pem(&user.client_key_data, &user.client_key)?;
        let token = match (&user.token, &user.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(read_token(&base.join(file))?),
            (None, None) => None,
        };
        Ok(Self {
            server: cluster.server.clone(),
            ca_pem: pem(&cluster.certificate_authority_data, &cluster.certificate_authority)?,
            insecure: cluster.insecure_skip_tls_verify,
            token,
            identity_pem: certificate.zip(key),
        })
    }

    /// The service account of the pod that this process runs in.
    ///
    /// `host` and `port` are the pod's `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    ///
    /// # Errors
    /// The account's files are not there.
    pub fn in_cluster(host: &str, port: &str) -> Result<Self, ConfigError> {
        let folder = Path::new(IN_CLUSTER);
        Ok(Self {
            server: format!("https://{host}:{port}"),
            ca_pem: Some(read(&folder.join("ca.crt"))?),
            token: Some(read_token(&folder.join("token"))?),
            ..Self::default()
        })
    }
}

fn find<'a, T>(what: &'static str, list: &'a [Named<T>], name: &str) -> Result<&'a T, ConfigError> {
    let found = list.iter().find(|entry| entry.name == name).map(|entry| &entry.value);
    found.ok_or_else(|| ConfigError::Missing { what, name: name.into() })
}

/// Base64 data in the file itself, or the file that is named.
fn pem(
    base: &Path,
    data: &Option<String>,
    file: &Option<PathBuf>,
) -> Result<Option<Vec<u8>>, ConfigError> {
    match (data, file) {
        (Some(data), _) => {
            let unusable = |e: base64::DecodeError| ConfigError::Unusable {
                what: "base64 data of the kubeconfig",
                source: e.into(),
            };
            STANDARD.decode(data.trim()).map(Some).map_err(unusable)
        }
        (None, Some(file)) => read(&base.join(file)).map(Some),
        (None, None) => Ok(None),
    }
}

fn read_token(path: &Path) -> Result<String, ConfigError> {
    Ok(String::from_utf8_lossy(&read(path)?).trim().to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::Read { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RemoteConfig, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        RemoteConfig::from_kubeconfig(&path)
    }

    const CONFIG: &str = "
current-context: main
contexts: [{name: main, context: {cluster: home, user: admin}}]
clusters: [{name: home, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: YWJj}}]
users: [{name: admin, user: {token: secret}}]
";

    #[test]
    fn the_current_context_decides() {
        let config = parse(CONFIG).unwrap();
        assert_eq!(config.server, "https://127.0.0.1:1");
        assert_eq!((config.ca_pem, config.token), (Some(b"abc".into()), Some("secret".into())));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = parse(&CONFIG.replace("current-context: main", "current-context: other"));
        assert_eq!(error.unwrap_err().to_string(), "kubeconfig has no context named \"other\"");
        let error = parse(&CONFIG.replace("token: secret", "exec: {command: x}")).unwrap_err();
        assert!(error.to_string().contains("an exec plugin"), "{error}");
    }
}
