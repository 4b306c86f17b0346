//! `ValidatingAdmissionWebhook`: webhooks that refuse.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use orchestrator_core::Status;

use super::ask;
use crate::admission::configuration::{Configured, is_exempt};
use crate::admission::{Admission, AdmissionRequest};

/// The step.
#[derive(Debug, Default)]
pub struct ValidatingAdmissionWebhook {
    configured: Arc<Configured>,
}

impl ValidatingAdmissionWebhook {
    pub(in crate::admission) fn new(configured: Arc<Configured>) -> Self {
        Self { configured }
    }
}

#[async_trait]
impl Admission for ValidatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionWebhook"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        !is_exempt(request)
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let configuration = self.configured.of(request).await?;
        let webhooks = configuration.validating_webhooks.values().flat_map(|list| list.iter());
        let asked = join_all(webhooks.map(|webhook| ask(request, webhook, false))).await;
        asked.into_iter().try_for_each(|asked| asked.map(drop))
    }
}
