//! `MutatingAdmissionWebhook`: webhooks that may change the object.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Status;

use super::{Asked, Webhook, ask};
use crate::admission::configuration::{Configured, is_exempt};
use crate::admission::matching::take_back;
use crate::admission::{Admission, AdmissionRequest, changed};

/// The step.
#[derive(Debug, Default)]
pub struct MutatingAdmissionWebhook {
    configured: Arc<Configured>,
}

impl MutatingAdmissionWebhook {
    pub(in crate::admission) fn new(configured: Arc<Configured>) -> Self {
        Self { configured }
    }
}

#[async_trait]
impl Admission for MutatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "MutatingAdmissionWebhook"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        !is_exempt(request)
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let configuration = Arc::clone(self.configured.of(request).await?);
        let webhooks: Vec<&Webhook> =
            configuration.mutating_webhooks.values().flat_map(|list| list.iter()).collect();
        let (mut called, mut last) = (Vec::new(), None);
        for (place, webhook) in webhooks.iter().enumerate() {
            match run(request, webhook).await? {
                Ran::Not => {}
                Ran::Unchanged => called.push(place),
                Ran::Changed => {
                    called.push(place);
                    last = Some(place);
                }
            }
        }
        let Some(last) = last else { return Ok(()) };
        for place in called.into_iter().filter(|place| *place < last) {
            if webhooks[place].again {
                run(request, webhooks[place]).await?;
            }
        }
        Ok(())
    }
}

/// What became of the object.
enum Ran {
    Not,
    Unchanged,
    Changed,
}

async fn run(request: &mut AdmissionRequest<'_>, webhook: &Webhook) -> Result<Ran, Status> {
    let (gvr, object) = match ask(request, webhook, true).await? {
        Asked::Not => return Ok(Ran::Not),
        Asked::Ignored => return Ok(Ran::Unchanged),
        Asked::Allowed(subject, answer) => {
            let (Some(patch), Some(object)) = (answer.patch, subject.object.as_deref()) else {
                return Ok(Ran::Unchanged);
            };
            let made = changed::patched(object, &patch)
                .and_then(|object| changed::decoded(request, &subject.resource, object));
            (subject.resource.clone(), made.map_err(Status::internal)?)
        }
    };
    let before = request.object.clone();
    take_back(request, &gvr, object).await?;
    Ok(if before == request.object { Ran::Unchanged } else { Ran::Changed })
}
