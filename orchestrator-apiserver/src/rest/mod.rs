//! The verbs, one file each; and what several of them share: reading bodies and options, the
//! metadata that the server keeps, the loop of a compare-and-swap.

mod create;
mod delete;
mod delete_collection;
mod get;
mod list;
mod patch;
mod update;
mod watch;

pub(crate) mod admit;
pub(crate) mod body;
pub(crate) mod continue_token;
pub(crate) mod delete_options;
pub(crate) mod filter;
pub(crate) mod garbage;
pub(crate) mod managed;
pub(crate) mod metadata;
pub(crate) mod modify;
pub(crate) mod options;
pub(crate) mod patching;
pub(crate) mod removal;
pub(crate) mod revision;
pub(crate) mod rules;

pub(crate) use delete::remove;

use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Status, Verb};

use crate::pipeline::Cx;

/// Answers a request about whole objects.
pub(crate) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    match cx.request.verb {
        Verb::Get => get::answer(cx).await,
        Verb::List => list::answer(cx).await,
        Verb::Watch => watch::answer(cx).await,
        Verb::Create => create::answer(cx, body).await,
        Verb::Update => update::answer(cx, body).await,
        Verb::Patch => patch::answer(cx, body).await,
        Verb::Delete => delete::answer(cx, body).await,
        Verb::DeleteCollection => delete_collection::answer(cx, body).await,
        Verb::Connect => Err(Status::method_not_allowed()),
    }
}
