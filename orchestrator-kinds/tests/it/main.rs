//! The built-in kinds against facts recorded from a server.

mod facts;
mod harness;
