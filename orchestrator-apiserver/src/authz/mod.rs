//! Authorisation: who may do what.
//!
//! The server asks one [`Authorizer`] about every request, after authentication and before
//! anything else is looked at, so that a caller without rights learns nothing about what exists.

mod masters;
mod message;

pub use masters::Masters;
pub use message::forbidden;

use std::fmt;

use async_trait::async_trait;
use orchestrator_core::UserInfo;

/// What a caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a UserInfo,
    /// What for, as in `get`; for a path the HTTP method in lower case.
    pub verb: &'a str,
    /// To what.
    pub target: Target<'a>,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Objects.
    Resource(ResourceTarget<'a>),
    /// A path that names no resource, as in `/healthz`.
    Path(&'a str),
}

/// Which objects a request is about; empty words stand for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceTarget<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// The plural.
    pub resource: &'a str,
    /// The part of the object.
    pub subresource: &'a str,
    /// The namespace.
    pub namespace: &'a str,
    /// The name.
    pub name: &'a str,
}

/// What an [`Authorizer`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The caller may, for this reason.
    Allow(String),
    /// The caller may not, whoever else is asked.
    Deny(String),
    /// Nothing speaks for it; the request is refused unless somebody else allows it.
    NoOpinion(String),
}

impl Decision {
    /// Whether the caller may.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// The words beside the decision; often empty.
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow(reason) | Self::Deny(reason) | Self::NoOpinion(reason) => reason,
        }
    }
}

/// A rule that holds for a user, as a `SelfSubjectRulesReview` lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The verbs, `*` for all.
    pub verbs: Vec<String>,
    /// The groups of the resources; empty for a rule about paths.
    pub api_groups: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The names of the objects; empty for all.
    pub resource_names: Vec<String>,
    /// The paths; empty for a rule about resources.
    pub paths: Vec<String>,
}

/// Decides who may do what.
///
/// # Contract
/// - The same question gets the same answer while nothing that the authorizer reads changes.
/// - It does not block for long: every request waits for it.
#[async_trait]
pub trait Authorizer: fmt::Debug + Send + Sync + 'static {
    /// Decides one request.
    async fn authorize(&self, attributes: Attributes<'_>) -> Decision;

    /// The rules that hold for `user` in `namespace`, and whether the list is complete.
    async fn rules(&self, _user: &UserInfo, _namespace: &str) -> (Vec<Rule>, bool) {
        (Vec::new(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Authorizer) {}
}
