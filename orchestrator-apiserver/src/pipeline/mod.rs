//! The path of a request: resolve the resource, authorise, check that what is asked is served,
//! then hand over to the one function that answers it.

mod authorize;
mod cx;
mod route;

pub(crate) use authorize::STREAM_VERB;
pub(crate) use cx::Cx;

use std::mem;

use orchestrator_core::{ApiRequest, ApiResponse, Status, Verb};

use crate::server::ApiServer;
use crate::{rest, reviews, subresource};

/// Answers one request.
pub(crate) async fn run(
    server: &ApiServer,
    mut request: ApiRequest,
) -> Result<ApiResponse, Status> {
    authorize::check(server, &request).await?;
    let resource = route::resolve(server, &request)?;
    if matches!(request.verb, Verb::Delete | Verb::DeleteCollection) {
        rest::delete_options::take(&mut request)?;
    }
    let body = mem::take(&mut request.body);
    let cx = Cx::new(server, resource, request);
    if let Some(why) = &cx.resource.def.deprecation {
        cx.warn(&**why);
    }
    let answered = if !cx.request.subresource.is_empty() {
        subresource::answer(&cx, body).await
    } else if let Some(review) = reviews::find(&cx) {
        review.answer(&cx, body).await
    } else {
        rest::answer(&cx, body).await
    };
    let warnings = cx.into_warnings();
    match answered {
        Ok(body) => Ok(ApiResponse { warnings, body }),
        Err(mut status) => {
            status.details.warnings = warnings;
            Err(status)
        }
    }
}
