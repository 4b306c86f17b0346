//! Roles and bindings: the rights that objects of `rbac.authorization.k8s.io` give.
//!
//! The rules of all roles are kept parsed, and bindings by the users and groups that they name
//! (`index`), so that a decision looks at the caller's own bindings only. `covers` tells whether
//! some rules are as much as others, which whoever gives rights away must hold.

mod covers;
mod index;

pub(crate) use covers::missing;
pub(super) use index::Index;

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::{Status, UserInfo};

use super::follow::Follow;
use super::{Attributes, Authorizer, Decision, Rule, Rules, Target};
use crate::registry::Objects;

/// The API group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// Decides by the roles and bindings that are stored.
///
/// A write of a role that was acknowledged counts for every decision after it.
#[derive(Debug)]
pub struct Rbac {
    index: Follow<Index>,
}

impl Rbac {
    /// Decides by the roles among `objects`.
    pub fn new(objects: Objects) -> Self {
        Self { index: Follow::new(objects) }
    }

    /// The rules that hold for `user` in `namespace`, and why some of its roles give none.
    pub(crate) async fn resolve(
        &self,
        user: &UserInfo,
        namespace: &str,
    ) -> Result<(Vec<Rule>, Vec<String>), Status> {
        self.index
            .look(|index| {
                let (mut rules, mut errors) = (Vec::new(), Vec::new());
                for grant in index.grants(user, namespace) {
                    match grant.rules {
                        Ok(found) => rules.extend(found.iter().cloned()),
                        Err(error) => errors.push(error),
                    }
                }
                (rules, errors)
            })
            .await
    }

    /// The rules of a role; `None` where it is not there.
    pub(crate) async fn role(
        &self,
        namespace: &str,
        kind: &str,
        name: &str,
    ) -> Result<Option<Arc<[Rule]>>, Status> {
        self.index.look(|index| index.role(namespace, kind, name).cloned()).await
    }
}

#[async_trait]
impl Authorizer for Rbac {
    async fn authorize(&self, attributes: Attributes<'_>) -> Decision {
        let decided = self.index.look(|index| decide(index, attributes)).await;
        decided.unwrap_or_else(|status| Decision::NoOpinion(format!("RBAC: {status}")))
    }

    async fn rules(&self, user: &UserInfo, namespace: &str) -> Rules {
        match self.resolve(user, namespace).await {
            Ok((rules, errors)) => Rules { rules, is_incomplete: false, error: aggregate(&errors) },
            Err(status) => Rules { is_incomplete: true, error: status.message, ..Rules::default() },
        }
    }
}

fn decide(index: &Index, attributes: Attributes<'_>) -> Decision {
    let namespace = match attributes.target {
        Target::Resource(to) => to.namespace,
        Target::Path(_) => "",
    };
    let mut errors = Vec::new();
    for grant in index.grants(attributes.user, namespace) {
        match &grant.rules {
            Ok(rules) if rules.iter().any(|rule| rule.allows(attributes)) => {
                return Decision::Allow(format!("RBAC: allowed by {}", grant.source()));
            }
            Ok(_) => {}
            Err(error) => errors.push(error.clone()),
        }
    }
    match errors.is_empty() {
        true => Decision::NoOpinion(String::new()),
        false => Decision::NoOpinion(format!("RBAC: {}", aggregate(&errors))),
    }
}

/// Several errors as one text, each told once.
pub(crate) fn aggregate(errors: &[String]) -> String {
    let mut told: Vec<&str> = Vec::new();
    for error in errors {
        if !told.contains(&error.as_str()) {
            told.push(error);
        }
    }
    match told[..] {
        [] => String::new(),
        [one] => one.into(),
        _ => format!("[{}]", told.join(", ")),
    }
}

#[cfg(test)]
mod tests;
