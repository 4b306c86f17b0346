//! Reviews: questions to the server in the shape of objects, answered and never stored.

mod access;
mod myself;
mod rules;
mod selector;
mod token;

use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Status, Verb};

use crate::pipeline::Cx;
use crate::subresource;

/// Answers a request to a resource that stores nothing; `None` for all others.
pub(crate) fn find(cx: &Cx<'_>) -> Option<Review> {
    if cx.request.verb != Verb::Create {
        return None;
    }
    let gvr = &cx.resource.def.gvr;
    Some(match (&*gvr.group, &*gvr.resource) {
        ("", "bindings") => Review::Binding,
        ("authentication.k8s.io", "selfsubjectreviews") => Review::Myself,
        ("authentication.k8s.io", "tokenreviews") => Review::Token,
        ("authorization.k8s.io", "localsubjectaccessreviews") => Review::Access(access::Of::Local),
        ("authorization.k8s.io", "selfsubjectaccessreviews") => Review::Access(access::Of::Myself),
        ("authorization.k8s.io", "subjectaccessreviews") => Review::Access(access::Of::Anybody),
        ("authorization.k8s.io", "selfsubjectrulesreviews") => Review::Rules,
        _ => return None,
    })
}

/// A resource that stores nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Review {
    /// Who may do something.
    Access(access::Of),
    /// A binding by the name in its body.
    Binding,
    /// Who the caller is.
    Myself,
    /// What the caller may do.
    Rules,
    /// Whom a token belongs to.
    Token,
}

impl Review {
    /// Answers the question of the body.
    pub(crate) async fn answer(self, cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
        match self {
            Self::Access(of) => access::answer(cx, body, of).await,
            Self::Binding => subresource::bind_from_collection(cx, body).await,
            Self::Myself => myself::answer(cx, body),
            Self::Rules => rules::answer(cx, body).await,
            Self::Token => token::answer(cx, body).await,
        }
    }
}
