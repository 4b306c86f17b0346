//! Webhooks: others who are asked about a write.
//!
//! Those that may change the object are asked one after the other, and once more where they wish
//! so and others changed it after them; those that may only refuse are asked together.

mod call;
mod config;
mod mutating;
mod review;
pub(crate) mod service;
mod validating;

pub(crate) use config::Webhook;
pub use mutating::MutatingAdmissionWebhook;
pub use validating::ValidatingAdmissionWebhook;

use orchestrator_core::Status;

use self::review::Answer;
use super::AdmissionRequest;
use super::expression::{Held, Scene, hold, settle};
use super::matching::{Matched, Subject};

/// What came of asking a webhook.
enum Asked<'r> {
    /// It is none of its business.
    Not,
    /// It could not be asked, and that is to be left aside.
    Ignored,
    /// It allows the request, perhaps changed.
    Allowed(Box<Subject<'r>>, Answer),
}

/// Asks one webhook.
///
/// # Errors
/// The refusal; or the failure of one that must not fail.
async fn ask<'r>(
    request: &'r AdmissionRequest<'_>,
    webhook: &Webhook,
    mutating: bool,
) -> Result<Asked<'r>, Status> {
    let Matched::As(subject) = webhook.matching.matches(request, false).await? else {
        return Ok(Asked::Not);
    };
    let scene = Scene::new(request, &subject).await?;
    if !webhook.conditions.is_empty() {
        let held = settle(request, |known| {
            hold(&webhook.conditions, &scene.variables(None, None, None), known)
        });
        match held.await? {
            Held::Yes => {}
            Held::No(_) => return Ok(Asked::Not),
            Held::Failed(why) if webhook.fails => return Err(request.forbidden(why)),
            Held::Failed(_) => return Ok(Asked::Ignored),
        }
    }
    if request.is_dry_run() && webhook.has_side_effects {
        let name = &webhook.name;
        let why = format!("admission webhook {name:?} does not support dry run");
        return Err(Status::bad_request(why));
    }
    let review = review::Review::new(request, &subject, &scene);
    match call::call(request, webhook, &review, mutating).await {
        Ok(answer) => {
            answer.warnings.iter().for_each(|warning| request.warn(warning));
            match answer.denied {
                Some(status) => Err(review::refusal(&webhook.name, status)),
                None => Ok(Asked::Allowed(subject, answer)),
            }
        }
        Err(why) if webhook.fails => {
            let name = &webhook.name;
            Err(Status::internal(format!("failed calling webhook {name:?}: {why}")))
        }
        Err(why) => {
            tracing::warn!(webhook = %webhook.name, why, "webhook failed, and is passed over");
            Ok(Asked::Ignored)
        }
    }
}
