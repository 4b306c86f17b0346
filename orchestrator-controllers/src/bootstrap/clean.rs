//! Deleting bootstrap tokens that have ended.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, ObjectKey, Status};

use super::token::{NAMESPACE, ends, is_token};
use crate::clock;
use crate::deps::ControllerDeps;

/// Deletes tokens when they end.
#[derive(Debug)]
pub struct TokenCleaner {
    secrets: Informer<Secret>,
    api: Api<Secret>,
}

impl TokenCleaner {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self { secrets: deps.informers.of(), api: deps.client().api() }
    }
}

#[async_trait]
impl Controller for TokenCleaner {
    fn name(&self) -> &str {
        "token-cleaner"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::new(gvr::<Secret>(), |change| {
            let key = change.new.as_ref().map(Item::key);
            key.filter(|key| key.namespace == NAMESPACE).into_iter().collect()
        })]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let secret = self.secrets.get(key).filter(|s| is_token(s) && !s.is_terminating());
        let Some((secret, at)) = secret.and_then(|s| Some((s.clone(), ends(&s)?))) else {
            return Ok(Outcome::Done);
        };
        if let Some(wait) = clock::until(cx.env.now(), at) {
            return Ok(Outcome::RequeueAfter(wait));
        }
        match self.api.delete(key, &DeleteOptions::uid(secret.uid())).await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(Outcome::Done),
        }
    }
}
