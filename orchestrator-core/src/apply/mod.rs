//! Server-side apply: who owns which field of an object.
//!
//! Every write goes through a [`FieldManager`]. An ordinary write ([`FieldManager::update`])
//! takes the fields that it changes from whoever had them. An apply ([`FieldManager::apply`])
//! states what its manager wants and nothing else: it merges into the live object, removes what
//! the manager stated last time and nobody else owns, and fails with the list of
//! [`Conflict`]s where another manager owns a field that it would change.
//!
//! Ownership is stored in `metadata.managedFields`, a set of fields per manager in the tree form
//! of `FieldsV1`; the algorithms work on these trees as they are stored (`fields`). `walk` says
//! what the schema knows of a place; `create`, `compare`, `claim`, `merge`, `remove` and
//! `validate` are the walks over objects, `managed` is the list of managers.
//!
//! Everything is a pure function of its arguments; the time of a write is one of them.

mod applying;
mod claim;
mod compare;
mod create;
mod element;
mod fields;
mod last_applied;
mod managed;
mod manager;
mod merge;
mod prune;
mod remove;
mod times;
mod validate;
mod walk;

use std::fmt;

pub use applying::Applied;
pub use fields::FieldSet;
pub use manager::{FieldManager, Write};
pub use times::keep_times_if_unchanged;

use crate::status::{Cause, Status};

/// Why an apply fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Other managers own fields that the apply would change.
    #[error("{}", conflict_message(.0))]
    Conflict(Vec<Conflict>),
    /// The request is malformed.
    #[error("{0}")]
    Request(String),
    /// The applied object does not obey the schema.
    #[error("failed to create typed patch object ({object}): {errors}")]
    Schema {
        /// Name, version and kind of the object.
        object: String,
        /// What is wrong.
        errors: String,
    },
    /// The ownership stored with the live object cannot be read.
    #[error("failed to decode managed fields: {0}")]
    ManagedFields(String),
}

impl ApplyError {
    /// The answer of the API to an apply that fails in this way.
    pub fn status(&self) -> Status {
        match self {
            Self::Conflict(conflicts) => {
                let mut status = Status::new(409, "Conflict", self.to_string());
                status.details.causes = conflicts.iter().map(Conflict::cause).collect();
                status
            }
            Self::Request(_) => Status::new(400, "BadRequest", self.to_string()),
            Self::Schema { .. } | Self::ManagedFields(_) => Status::new(500, "", self.to_string()),
        }
    }
}

/// A field that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The other manager as messages show it, as in `"kubectl" using v1`.
    pub manager: String,
    /// The path of the field, as in `.spec.containers[name="a"].image`.
    pub field: String,
}

impl Conflict {
    fn cause(&self) -> Cause {
        Cause {
            reason: "FieldManagerConflict".into(),
            message: format!("conflict with {}", self.manager),
            field: self.field.clone(),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conflict with {}: {}", self.manager, self.field)
    }
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [conflict] = conflicts {
        return format!("Apply failed with 1 conflict: {conflict}");
    }
    let mut lines = Vec::new();
    let mut last = "";
    for conflict in conflicts {
        if last != conflict.manager {
            last = &conflict.manager;
            lines.push(format!("conflicts with {last}:"));
        }
        lines.push(format!("- {}", conflict.field));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

#[cfg(test)]
mod tests;
