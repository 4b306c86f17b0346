//! From what the command line says to an open store.

use std::path::Path;
use std::sync::Arc;

use orchestrator::core::{BoxError, Env};
use orchestrator::store::durable::DurableStore;
use orchestrator::store::etcd::{self, EtcdStore, Tls};
use orchestrator::store::{Limits, MemoryStore, Operator};

use super::{StoreUrl, raft};
use crate::UsageError;
use crate::args::{Engine, EngineKind, Etcd};

/// The folder of the store below the data directory.
const FOLDER: &str = "store";

/// Opens the engine of `up`, `server` or `etcd`, and makes its files where there are none.
pub async fn engine(
    engine: &Engine,
    data_dir: &Path,
    env: &Env,
) -> Result<Arc<dyn Operator>, BoxError> {
    let folder = data_dir.join(FOLDER);
    let limits = limits(engine.quota_bytes);
    match engine.kind {
        EngineKind::Memory => {
            Ok(Arc::new(MemoryStore::builder().limits(limits).build(env.clone())))
        }
        EngineKind::Durable => {
            let builder = DurableStore::builder().limits(limits);
            Ok(Arc::new(builder.open_path(&folder, env.clone()).await.map_err(at(&folder))?))
        }
        EngineKind::Raft => raft::open(&engine.raft, &folder, limits, env).await,
        EngineKind::Etcd => running(engine.etcd.etcd_endpoints.clone(), &engine.etcd, env),
    }
}

/// Opens a store that must be there already.
pub async fn existing(
    url: &StoreUrl,
    etcd: &Etcd,
    env: &Env,
) -> Result<Arc<dyn Operator>, BoxError> {
    if let StoreUrl::Durable(folder) = url
        && std::fs::read_dir(folder).map_or(true, |mut files| files.next().is_none())
    {
        return Err(UsageError(format!("there is no store in {}", folder.display()).into()).into());
    }
    target(url, etcd, env).await
}

/// Opens a store, and makes one where there is none.
pub async fn target(url: &StoreUrl, etcd: &Etcd, env: &Env) -> Result<Arc<dyn Operator>, BoxError> {
    match url {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new(env.clone()))),
        StoreUrl::Durable(folder) => durable(folder, env).await,
        StoreUrl::Member(_) => {
            let why = "a store of several members is named by where they serve etcd's API, as in \
                       etcd://10.0.0.1:2379,10.0.0.2:2379";
            Err(UsageError(why.into()).into())
        }
        StoreUrl::Etcd { hosts, tls } => running(StoreUrl::endpoints(hosts, *tls), etcd, env),
    }
}

/// Opens the durable engine in `folder`.
pub async fn durable(folder: &Path, env: &Env) -> Result<Arc<dyn Operator>, BoxError> {
    let store = DurableStore::builder().open_path(folder, env.clone()).await.map_err(at(folder))?;
    Ok(Arc::new(store))
}

/// Connects to a running etcd.
fn running(
    endpoints: Vec<String>,
    options: &Etcd,
    env: &Env,
) -> Result<Arc<dyn Operator>, BoxError> {
    if endpoints.is_empty() {
        return Err(UsageError("name the members of etcd by --etcd-endpoints".into()).into());
    }
    let mut builder = EtcdStore::builder(endpoints);
    if let Some(tls) = tls(options)? {
        builder = builder.tls(tls);
    }
    if let (Some(user), Some(password)) = (&options.etcd_user, &options.etcd_password) {
        builder = builder.login(user, password);
    }
    let store =
        builder.build(env.clone()).map_err(|why: etcd::ConfigError| UsageError(why.into()))?;
    Ok(Arc::new(store))
}

fn tls(options: &Etcd) -> Result<Option<Tls>, BoxError> {
    let Some(authority) = &options.etcd_ca else {
        return match options.etcd_cert {
            Some(_) => Err(UsageError("--etcd-cert needs --etcd-ca".into()).into()),
            None => Ok(None),
        };
    };
    let mut tls = Tls::new(read(authority)?);
    if let (Some(certificate), Some(key)) = (&options.etcd_cert, &options.etcd_key) {
        tls = tls.client(read(certificate)?, read(key)?);
    }
    Ok(Some(tls))
}

/// Reads a file that the command line names.
pub fn read(file: &Path) -> Result<Vec<u8>, BoxError> {
    let text = std::fs::read(file);
    Ok(text.map_err(|why| UsageError(format!("cannot read {}: {why}", file.display()).into()))?)
}

fn limits(quota_bytes: Option<u64>) -> Limits {
    let mut limits = Limits::default();
    limits.data_bytes = quota_bytes.unwrap_or(limits.data_bytes);
    limits
}

/// Says which folder an error is about.
fn at<E: Into<BoxError>>(folder: &Path) -> impl FnOnce(E) -> BoxError {
    let folder = folder.to_owned();
    move |why| StoreAt { folder: folder.display().to_string(), why: why.into() }.into()
}

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the store in {folder} cannot be opened")]
struct StoreAt {
    folder: String,
    #[source]
    why: BoxError,
}
