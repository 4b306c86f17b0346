//! Parts of objects with a path of their own, one file each.
//!
//! A part whose body is the object itself (`status`, `finalize`, `approval`,
//! `ephemeralcontainers`, `resize`) takes the path of the whole; the kind's strategy, which is
//! told the part's name, sees to it that nothing else changes.

mod binding;
mod container;
mod eviction;
mod log;
mod proxy;
mod scale;
mod session;
mod success;
pub mod token;

pub(crate) use binding::from_collection as bind_from_collection;

use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Status, Verb};

use crate::pipeline::Cx;
use crate::rest;

/// Answers a request about a part of an object.
pub(crate) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    match cx.request.subresource.as_str() {
        "attach" | "exec" | "portforward" => session::answer(cx).await,
        "binding" => binding::answer(cx, body).await,
        "eviction" => eviction::answer(cx, body).await,
        "log" => log::answer(cx).await,
        "proxy" => proxy::answer(cx).await,
        "scale" => scale::answer(cx, body).await,
        "token" => token::answer(cx, body).await,
        _ => match cx.request.verb {
            Verb::Get | Verb::Update | Verb::Patch => rest::answer(cx, body).await,
            _ => Err(Status::method_not_allowed()),
        },
    }
}
