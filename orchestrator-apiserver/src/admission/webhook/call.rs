//! The call of a webhook.

use super::config::{Place, Webhook};
use super::review::{Answer, Review};
use super::service;
use crate::admission::AdmissionRequest;
use crate::outbound::{Call, CallError};

/// Asks a webhook a question.
///
/// # Errors
/// Why there is no answer.
pub(super) async fn call(
    request: &AdmissionRequest<'_>,
    webhook: &Webhook,
    review: &Review,
    mutating: bool,
) -> Result<Answer, String> {
    let caller = webhook.caller(request.env)?;
    let timeout = webhook.timeout.as_secs();
    let url = match &webhook.place {
        Place::Url(url) => format!("{url}?timeout={timeout}s"),
        Place::Service { namespace, name, port, path } => {
            format!("https://{name}.{namespace}.svc:{port}{path}?timeout={timeout}s")
        }
    };
    let failed = |why: String| format!("failed to call webhook: Post {url:?}: {why}");
    let mut call = Call::post(&url, review.body(webhook.version), webhook.timeout);
    if let Place::Service { namespace, name, port, .. } = &webhook.place {
        call.connect =
            Some(service::address(request.objects, namespace, name, *port).await.map_err(failed)?);
    }
    let (code, body) = caller.call(call).await.map_err(|error| {
        failed(match error {
            CallError::Unreachable { why, .. } => why,
            CallError::Late(_) => "context deadline exceeded".to_owned(),
            other => other.to_string(),
        })
    })?;
    if !code.is_success() {
        let text = String::from_utf8_lossy(&body[..body.len().min(1024)]).trim().to_owned();
        return Err(match text.is_empty() {
            true => "failed to call webhook: an error on the server has prevented the request \
                     from succeeding"
                .to_owned(),
            false => format!("failed to call webhook: {text}"),
        });
    }
    Answer::read(&body, review, webhook.version, mutating)
        .map_err(|why| format!("received invalid webhook response: {why}"))
}
