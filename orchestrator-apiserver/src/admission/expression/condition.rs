//! Match conditions: all must hold, or the request is none of the webhook's or the policy's.

use orchestrator_cel::{Budget, Env, Question, Value};
use orchestrator_core::Json;
use orchestrator_kinds::kinds::admissionregistration::expressions::Wanted;

use super::{Compiled, Known, Stopped};

/// A condition.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) name: String,
    compiled: Compiled,
}

impl Condition {
    /// The conditions of a list.
    pub(crate) fn all(list: Option<&Json>, env: &Env) -> Vec<Self> {
        let text = |of: &Json, field: &str| {
            of.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        let items = list.and_then(Json::as_array).into_iter().flatten();
        let read = items.map(|item| Self {
            name: text(item, "name"),
            compiled: Compiled::new(env, &text(item, "expression"), Wanted::Bool),
        });
        read.collect()
    }
}

/// Whether conditions hold.
#[derive(Debug, PartialEq)]
pub(crate) enum Held {
    /// All do.
    Yes,
    /// The one of this name does not.
    No(String),
    /// None fails to hold, but some have no value.
    Failed(String),
}

/// Whether all conditions hold.
///
/// # Errors
/// A question that has to be answered first.
pub(crate) fn hold<'a>(
    conditions: &'a [Condition],
    variables: &[(&'static str, Value<'a>)],
    known: &Known,
) -> Result<Held, Box<Question>> {
    let mut budget = Budget::new(Budget::MATCH_CONDITIONS);
    let mut errors = Vec::new();
    for condition in conditions {
        match condition.compiled.evaluate(variables, &mut budget, known) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => return Ok(Held::No(condition.name.clone())),
            Err(Stopped::Asks(question)) => return Err(question),
            Err(Stopped::Failed(why)) => errors.push(why),
            Err(Stopped::Spent) => {
                errors.push(
                    "running out of cost budget, no further matchConditions will be run".into(),
                );
                break;
            }
        }
    }
    Ok(match errors.len() {
        0 => Held::Yes,
        1 => Held::Failed(errors.remove(0)),
        _ => Held::Failed(format!("[{}]", errors.join(", "))),
    })
}
