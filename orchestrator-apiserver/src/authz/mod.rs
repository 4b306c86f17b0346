//! Authorisation: who may do what.
//!
//! The server asks one [`Authorizer`] about every request, after authentication and before
//! anything else is looked at, so that a caller without rights learns nothing about what exists.
//! That of a cluster is a [`Union`] of [`Masters`], [`Nodes`] and [`Rbac`]. Rights beyond the request itself, which a write of a role would give away, are held
//! to account in `grants`.

mod always;
pub(crate) mod follow;
pub(crate) mod grants;
mod masters;
mod message;
mod node;
mod rbac;
mod rule;
mod union;
mod webhook;

pub use always::{AlwaysAllow, AlwaysDeny};
pub use masters::Masters;
pub use message::forbidden;
pub use node::Nodes;
pub use rbac::Rbac;
pub(crate) use rbac::missing;
pub use rule::Rule;
pub use union::Union;
pub use webhook::{Webhook, WebhookError};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::UserInfo;
use orchestrator_core::selector::FieldRequirement;

use crate::registry::Objects;

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
    /// The conditions on fields that narrow a collection.
    pub fields: &'a [FieldRequirement],
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

/// The rules that hold for a user, as a `SelfSubjectRulesReview` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Whether others may hold too, which cannot be listed.
    pub is_incomplete: bool,
    /// Why some are missing; often empty.
    pub error: String,
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

    /// The rules that hold for `user` in `namespace`.
    async fn rules(&self, _user: &UserInfo, _namespace: &str) -> Rules {
        Rules { is_incomplete: true, ..Rules::default() }
    }
}

/// The authorizer of a cluster: masters, nodes by what their pods use, then roles.
pub(crate) fn standard(objects: &Objects, roles: &Arc<Rbac>) -> Arc<dyn Authorizer> {
    Arc::new(
        Union::default()
            .with(Arc::new(Masters))
            .with(Arc::new(Nodes::new(objects.clone())))
            .with(Arc::clone(roles) as _),
    )
}

/// `first`, and those that are asked where it has no opinion.
pub(crate) fn chain(
    first: Arc<dyn Authorizer>,
    more: Vec<Arc<dyn Authorizer>>,
) -> Arc<dyn Authorizer> {
    match more.is_empty() {
        true => first,
        false => Arc::new(more.into_iter().fold(Union::default().with(first), Union::with)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Authorizer) {}
}
