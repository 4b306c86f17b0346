//! What a policy says about a request with one parameter.

use std::rc::Rc;

use orchestrator_cel::{Budget, Question, Value};
use orchestrator_core::object::Object;

use super::policy::{Policy, Rule};
use crate::admission::expression::{Held, Known, Scene, Stopped, hold};

/// How long a message may be that an expression makes.
const MESSAGE_MAX: usize = 5 * 1024;
const SPENT: &str = "validation failed due to running out of cost budget, no further validation \
                     rules will be run";

/// A refusal.
#[derive(Debug, PartialEq)]
pub(super) struct Decision {
    pub(super) message: String,
    pub(super) reason: &'static str,
}

impl Decision {
    fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), reason: "" }
    }
}

/// What a message expression is evaluated with: all but the authorizer.
type Named<'a> = (&'static str, Value<'a>);

/// The refusals of a policy, in the order of its rules.
///
/// # Errors
/// A question that has to be answered first.
pub(super) fn decide(
    policy: &Policy,
    scene: &Scene<'_>,
    params: Option<&Object>,
    known: &Known,
) -> Result<Vec<Decision>, Box<Question>> {
    match hold(&policy.conditions, &scene.variables(None, params, None), known)? {
        Held::Yes => {}
        Held::No(_) => return Ok(Vec::new()),
        Held::Failed(why) if policy.fails => return Ok(vec![Decision::plain(why)]),
        Held::Failed(_) => return Ok(Vec::new()),
    }
    let values = Rc::new(policy.variables.values());
    let variables = scene.variables(None, params, Some(values));
    let mut budget = Budget::new(Budget::PER_REQUEST);
    let mut refusals = Vec::new();
    for rule in &policy.rules {
        match rule.expression.evaluate(&variables, &mut budget, known) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => match refuse(rule, &variables, &mut budget, known) {
                Ok(refusal) => refusals.push(refusal),
                Err(Stopped::Asks(question)) => return Err(question),
                Err(_) => {
                    refusals.extend(policy.fails.then(|| Decision::plain(SPENT)));
                    break;
                }
            },
            Err(Stopped::Asks(question)) => return Err(question),
            Err(Stopped::Spent) => {
                refusals.extend(policy.fails.then(|| Decision::plain(SPENT)));
                break;
            }
            Err(Stopped::Failed(why)) => {
                refusals.extend(policy.fails.then(|| Decision::plain(why)));
            }
        }
    }
    Ok(refusals)
}

/// The refusal of a rule, in the words of its expression, its message, or the rule itself.
fn refuse<'a>(
    rule: &'a Rule,
    variables: &[Named<'a>],
    budget: &mut Budget,
    known: &Known,
) -> Result<Decision, Stopped> {
    let made = match &rule.message_expression {
        None => None,
        Some(expression) => match expression.evaluate(variables, budget, known) {
            Ok(value) => value.as_str().map(|text| text.trim().to_owned()),
            Err(Stopped::Failed(_)) => None,
            Err(other) => return Err(other),
        },
    };
    let made = made.filter(|text| {
        !text.is_empty() && text.len() <= MESSAGE_MAX && !text.contains(['\n', '\r'])
    });
    let message = made.unwrap_or_else(|| match rule.message.as_str() {
        "" => format!("failed expression: {}", rule.expression.source.trim()),
        message => message.to_owned(),
    });
    Ok(Decision { message, reason: rule.reason })
}
