//! Which engine keeps a cluster's objects, and opening it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::{BoxError, Env, Store};
use orchestrator_store::{MemoryStore, Operator, compactor, copy};

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
    /// In the files of this folder.
    #[cfg(feature = "durable")]
    Durable(std::path::PathBuf),
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
    /// Lets go of files at the end.
    pub(super) closing: Closing,
}

/// What a cluster that is shut down has to close: a store whose files the next one may want.
#[derive(Debug, Default)]
pub(super) struct Closing {
    #[cfg(feature = "durable")]
    durable: Option<Arc<orchestrator_store::DurableStore>>,
}

impl Closing {
    pub(super) async fn close(self) {
        #[cfg(feature = "durable")]
        if let Some(store) = self.durable {
            store.close().await;
        }
    }
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
            Self::Given(store) => Ok(Opened {
                store,
                memory: None,
                operator: None,
                compaction: None,
                closing: Closing::default(),
            }),
            #[cfg(feature = "durable")]
            Self::Durable(folder) => {
                let builder = orchestrator_store::DurableStore::builder();
                let store = builder.open_path(folder, env.clone()).await;
                let store = Arc::new(store.map_err(|why| StartError::Store(why.into()))?);
                let closing = Closing { durable: Some(Arc::clone(&store)) };
                Ok(Opened { closing, ..Opened::by_us(store).await? })
            }
            Self::Opened(open) => {
                Opened::by_us(open(env.clone()).await.map_err(StartError::Store)?).await
            }
        }
    }
}

impl Opened {
    /// A store that the cluster has opened, and looks after. One that a copy was broken off in the
    /// middle of is nothing to build on.
    async fn by_us(operator: Arc<dyn Operator>) -> Result<Self, StartError> {
        let unfinished = copy::unfinished(&*operator).await;
        match unfinished.map_err(|why| StartError::Store(why.into()))? {
            None => Ok(Self {
                store: Arc::clone(&operator) as _,
                memory: None,
                operator: Some(operator),
                compaction: Some(compactor::INTERVAL),
                closing: Closing::default(),
            }),
            Some(what) => {
                let why = format!("it is incomplete: {what} was never finished");
                Err(StartError::Store(why.into()))
            }
        }
    }

    /// A memory store bounds its history by itself.
    fn memory(memory: Arc<MemoryStore>) -> Self {
        Self {
            store: Arc::clone(&memory) as _,
            operator: Some(Arc::clone(&memory) as _),
            memory: Some(memory),
            compaction: None,
            closing: Closing::default(),
        }
    }
}
