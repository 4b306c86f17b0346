//! Which engine keeps a cluster's objects, and opening it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::{BoxError, Env, Store};
use orchestrator_store::{MemoryStore, Operator, compactor};

use super::StartError;

/// What opens a store on a cluster's clock.
type Open = Box<dyn FnOnce(Env) -> Opening + Send>;

/// A store being opened.
type Opening = Pin<Box<dyn Future<Output = Result<Arc<dyn Operator>, BoxError>> + Send>>;

/// Where the objects are to be kept.
#[derive(Default)]
pub(super) enum Engine {
    /// In a memory store of the cluster's own.
    #[default]
    Memory,
    /// In this memory store.
    Shared(Arc<MemoryStore>),
    /// In this store.
    Given(Arc<dyn Store>),
    /// In the store that this opens.
    Opened(Open),
}

/// The store of a cluster, as far as it is known.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    /// The same, where it can be forked.
    pub(super) memory: Option<Arc<MemoryStore>>,
    /// The same, where it can be operated.
    pub(super) operator: Option<Arc<dyn Operator>>,
    /// How often it wants to be told to forget.
    pub(super) compaction: Option<Duration>,
}

impl Engine {
    /// What `open` opens when the cluster starts.
    pub(super) fn opened<F, Fut>(open: F) -> Self
    where
        F: FnOnce(Env) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Arc<dyn Operator>, BoxError>> + Send + 'static,
    {
        Self::Opened(Box::new(|env| Box::pin(open(env))))
    }

    pub(super) async fn open(self, env: &Env) -> Result<Opened, StartError> {
        match self {
            Self::Memory => Ok(Opened::memory(Arc::new(MemoryStore::new(env.clone())))),
            Self::Shared(memory) => Ok(Opened::memory(memory)),
            Self::Given(store) => {
                Ok(Opened { store, memory: None, operator: None, compaction: None })
            }
            Self::Opened(open) => {
                let operator = open(env.clone()).await.map_err(StartError::Store)?;
                let store = Arc::clone(&operator) as _;
                let compaction = Some(compactor::INTERVAL);
                Ok(Opened { store, memory: None, operator: Some(operator), compaction })
            }
        }
    }
}

impl Opened {
    /// A memory store bounds its history by itself.
    fn memory(memory: Arc<MemoryStore>) -> Self {
        Self {
            store: Arc::clone(&memory) as _,
            operator: Some(Arc::clone(&memory) as _),
            memory: Some(memory),
            compaction: None,
        }
    }
}
