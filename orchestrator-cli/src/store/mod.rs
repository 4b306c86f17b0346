//! Opening the stores that the command line names.

mod bar;
mod open;
mod raft;
mod url;

pub use bar::{Bar, Unit};
pub use open::{durable, engine, existing, read, target};
pub use raft::restore as restore_member;
pub use url::StoreUrl;
