//! The path of a request: resolve the resource, authorise, check that what is asked is served,
//! then hand over to the one function that answers it.

mod authorize;
mod cx;
mod route;

pub(crate) use cx::Cx;

use orchestrator_core::{ApiRequest, ApiResponse, Status};

use crate::server::ApiServer;
use crate::{rest, subresource};

/// Answers one request.
pub(crate) async fn run(server: &ApiServer, request: ApiRequest) -> Result<ApiResponse, Status> {
    authorize::check(server, &request).await?;
    let resource = route::resolve(server, &request)?;
    let cx = Cx::new(server, resource, request);
    let body = match cx.request.subresource.is_empty() {
        true => rest::answer(&cx).await?,
        false => subresource::answer(&cx).await?,
    };
    Ok(ApiResponse { warnings: cx.into_warnings(), body })
}
