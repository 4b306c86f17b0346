//! The words of the system: objects, selectors, quantities, patches, errors, [`Env`], and the
//! five traits [`Store`], [`Scheduler`](scheduler::Scheduler),
//! [`Controller`](controller::Controller), [`Runtime`](runtime::Runtime) and
//! [`Proxy`](proxy::Proxy).
//!
//! Nothing here does I/O. Every other crate speaks in these types, and an embedder who replaces
//! a part of the system implements one of these traits. Start at [`Object`] for data,
//! [`ApiRequest`] for what is asked of the API, [`Status`] for what goes wrong.

pub mod apply;
pub mod controller;
pub mod env;
pub mod field;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod node;
pub mod object;
pub mod patch;
pub mod proxy;
pub mod quantity;
pub mod quota;
pub mod request;
pub mod resource;
pub mod runtime;
pub mod scan;
pub mod scheduler;
pub mod schema;
pub mod selector;
pub mod service;
pub mod status;
pub mod store;
pub mod store_ext;
pub mod value;

pub use env::Env;
pub use object::{Object, ObjectKey};
pub use quantity::Quantity;
pub use request::{ApiRequest, UserInfo, Verb};
pub use resource::{GroupResource, GroupVersionKind, GroupVersionResource, ResourceDef};
pub use service::{ApiResponse, ApiService};
pub use status::Status;
pub use store::{Revision, Store};
pub use store_ext::StoreExt;
pub use value::{Item, Value};

/// The JSON value that dynamic code works on; maps are sorted by key.
pub type Json = serde_json::Value;

/// An error of any type, for the `source` of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
