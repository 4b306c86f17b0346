//! Questions to the authorizer that come up during an evaluation.

use std::collections::BTreeMap;

use orchestrator_cel::{Answer, Answers, Question};
use orchestrator_core::selector::FieldRequirement;
use orchestrator_core::{Status, UserInfo};

use crate::admission::AdmissionRequest;
use crate::authz::{Attributes, ResourceTarget, Target};

/// How many questions one evaluation may have: more than its budget pays for.
const QUESTIONS_MAX: usize = 64;

/// What the authorizer has said so far.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<Question, Answer>);

impl Answers for Known {
    fn answer(&self, question: &Question) -> Option<Answer> {
        self.0.get(question).cloned()
    }
}

/// Why an evaluation came to no value.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It is not defined.
    Failed(String),
    /// All that may be spent is spent.
    Spent,
    /// It wants to know this first.
    Asks(Box<Question>),
}

/// Calls `run` until it has no further question.
///
/// # Errors
/// 500: the questions do not end.
pub(crate) async fn settle<T>(
    request: &AdmissionRequest<'_>,
    mut run: impl FnMut(&Known) -> Result<T, Box<Question>> + Send,
) -> Result<T, Status> {
    let mut known = Known::default();
    for _ in 0..QUESTIONS_MAX {
        let question = match run(&known) {
            Ok(value) => return Ok(value),
            Err(question) => question,
        };
        let answer = ask(request, &question).await;
        known.0.insert(*question, answer);
    }
    Err(Status::internal("an expression asks the authorizer too many questions"))
}

async fn ask(request: &AdmissionRequest<'_>, question: &Question) -> Answer {
    let account = question.service_account.as_ref().map(|(namespace, name)| {
        let groups =
            ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
        UserInfo::new(format!("system:serviceaccount:{namespace}:{name}"), groups)
    });
    let fields = fields(&question.field_selector);
    let target = match &question.path {
        Some(path) => Target::Path(path),
        None => Target::Resource(ResourceTarget {
            group: &question.group,
            version: "*",
            resource: &question.resource,
            subresource: &question.subresource,
            namespace: &question.namespace,
            name: &question.name,
            fields: &fields,
        }),
    };
    let user = account.as_ref().unwrap_or(request.user);
    let attributes = Attributes { user, verb: &question.verb, target };
    let decision = request.authorizer.authorize(attributes).await;
    Answer { allowed: decision.is_allowed(), reason: decision.reason().to_owned(), error: None }
}

/// The conditions of a field selector; one that cannot be read narrows nothing.
fn fields(text: &str) -> Vec<FieldRequirement> {
    let parsed: Result<orchestrator_core::selector::FieldSelector, _> = text.parse();
    parsed.map(|selector| selector.requirements().to_vec()).unwrap_or_default()
}
