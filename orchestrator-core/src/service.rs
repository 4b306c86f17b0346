//! The API as a function: a request in, an answer out, no socket in between.
//!
//! The server in `orchestrator-apiserver` implements [`ApiService`]; clients in the same process
//! call it directly, the HTTP face turns bytes into the same calls.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::node::{Connection, ExecSession};
use crate::object::Object;
use crate::request::ApiRequest;
use crate::resource::ResourceDef;
use crate::status::Status;
use crate::store::Revision;
use crate::value::Item;

/// The API.
///
/// # Contract
/// - The caller has authenticated the user; authorisation and admission are inside.
/// - A failure is a [`Status`] that can be sent as it is.
/// - Dropping the future of a write leaves its outcome unknown.
#[async_trait]
pub trait ApiService: fmt::Debug + Send + Sync + 'static {
    /// Answers one request.
    ///
    /// # Errors
    /// The failure as clients shall see it.
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, Status>;
}

/// An answer, with the warnings that go beside it.
#[derive(Debug)]
pub struct ApiResponse {
    /// What is right but unwise about the request.
    pub warnings: Vec<String>,
    /// The answer itself.
    pub body: ResponseBody,
}

impl From<ResponseBody> for ApiResponse {
    fn from(body: ResponseBody) -> Self {
        Self { warnings: Vec::new(), body }
    }
}

/// The forms of an answer.
#[non_exhaustive]
pub enum ResponseBody {
    /// One object.
    Object {
        /// 200, 201 for one that was made, 202 for a deletion that goes on.
        code: u16,
        /// The object.
        item: Item,
        /// Its definition, for the media types that need it; `None` for a kind of the server's
        /// own, such as `Scale` and `Status`.
        def: Option<Arc<ResourceDef>>,
    },
    /// A collection.
    List(List),
    /// The changes of a collection.
    Watch(Watch),
    /// Bytes, as of a log.
    Bytes {
        /// What they are.
        content_type: &'static str,
        /// The bytes, as they come.
        stream: BoxStream<'static, Bytes>,
    },
    /// A two-way session: exec, attach.
    Exec(ExecSession),
    /// Ports of a pod, to be connected one by one.
    PortForward(Arc<dyn crate::node::PortForwarder>),
    /// The request goes on to somebody else, over HTTP.
    Proxy(ProxyTarget),
}

/// Where an HTTP request goes on to.
pub enum ProxyTarget {
    /// An address that is yet to be connected to.
    Address {
        /// Whether over TLS.
        secure: bool,
        /// The address.
        address: SocketAddr,
    },
    /// A connection that is open already.
    Connection {
        /// The connection.
        connection: Box<dyn Connection>,
        /// The host that requests over it name.
        host: String,
    },
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object { .. } => "Object",
            Self::List(_) => "List",
            Self::Watch(_) => "Watch",
            Self::Bytes { .. } => "Bytes",
            Self::Exec(_) => "Exec",
            Self::PortForward(_) => "PortForward",
            Self::Proxy(_) => "Proxy",
        })
    }
}

/// A collection at one revision, or a page of it.
#[derive(Clone, Debug)]
pub struct List {
    /// What it is a collection of.
    pub def: Arc<ResourceDef>,
    /// The revision at which it is consistent.
    pub revision: Revision,
    /// Where the next page begins; empty on the last page.
    pub continue_token: String,
    /// How many more there are, where that is known.
    pub remaining: Option<u64>,
    /// The objects, in key order.
    pub items: Vec<Item>,
}

/// The changes of a collection.
pub struct Watch {
    /// What it is a collection of.
    pub def: Arc<ResourceDef>,
    /// The changes; an error is the last item.
    pub events: BoxStream<'static, Result<WatchEvent, Status>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("resource", &self.def.gvr).finish_non_exhaustive()
    }
}

/// One change of a collection, as seen through the watch's selectors.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object is new, or began to match.
    Added(Item),
    /// The object changed.
    Modified(Item),
    /// The object is gone, or ceased to match; its last state, at the revision of the change.
    Deleted(Item),
    /// Everything up to this revision has been delivered.
    Bookmark {
        /// The revision.
        revision: Revision,
        /// Whether this bookmark ends the initial state.
        initial_events_end: bool,
    },
}

impl WatchEvent {
    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Added(_) => "ADDED",
            Self::Modified(_) => "MODIFIED",
            Self::Deleted(_) => "DELETED",
            Self::Bookmark { .. } => "BOOKMARK",
        }
    }

    /// The object; `None` for a bookmark.
    pub fn item(&self) -> Option<&Item> {
        match self {
            Self::Added(item) | Self::Modified(item) | Self::Deleted(item) => Some(item),
            Self::Bookmark { .. } => None,
        }
    }

    /// The revision up to which the watcher is now informed.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Added(item) | Self::Modified(item) | Self::Deleted(item) => item.revision(),
            Self::Bookmark { revision, .. } => *revision,
        }
    }
}

impl ResponseBody {
    /// An object of the server's own, such as a `Status` of success or a review.
    pub fn plain(code: u16, object: Object) -> Self {
        Self::Object { code, item: Item::unstored(object), def: None }
    }
}
