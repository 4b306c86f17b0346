//! Kinds that are made at run time: what a CustomResourceDefinition says, and what that does to
//! the objects of its kind.
//!
//! A [`Structural`] is read from the OpenAPI schema of one version. It drops what it does not
//! know ([`Structural::prune`]), fills in what is missing ([`Structural::fill`]), and checks
//! objects in the words of the API ([`validate`]). [`definition`] checks the schemas themselves
//! when a definition is written; [`names`] and [`condition`] are the decisions about the status of
//! a definition; [`path`] reads the paths of printer columns.
//!
//! Everything here is a pure function of its arguments: who watches definitions and serves their
//! kinds is the API server.

pub mod condition;
pub mod definition;
pub mod names;
pub mod path;
pub mod rules;
pub mod schema;
pub mod validate;

mod report;
mod value;

pub use schema::Structural;
