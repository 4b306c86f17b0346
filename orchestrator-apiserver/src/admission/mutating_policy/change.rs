//! What a policy makes of a request.

use std::rc::Rc;

use orchestrator_cel::{Budget, Question};
use orchestrator_core::Json;
use orchestrator_core::object::Object;

use super::policy::Policy;
use crate::admission::expression::{Known, Scene, Stopped};

/// A change of the object.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// None.
    None,
    /// These fields are merged into it.
    Merge(Json),
    /// These steps are taken.
    Patch(Json),
    /// There is none because something went wrong.
    Failed(String),
}

/// The change that one mutation of a policy makes.
///
/// # Errors
/// A question that has to be answered first.
pub(super) fn changes(
    policy: &Policy,
    mutation: usize,
    scene: &Scene<'_>,
    params: Option<&Object>,
    known: &Known,
) -> Result<Change, Box<Question>> {
    let mutation = &policy.mutations[mutation];
    let values = Rc::new(policy.variables.values());
    let variables = scene.variables(None, params, Some(values));
    let mut budget = Budget::new(Budget::PER_REQUEST);
    let value = match mutation.expression.evaluate(&variables, &mut budget, known) {
        Ok(value) => value,
        Err(Stopped::Asks(question)) => return Err(question),
        Err(Stopped::Failed(why)) => return Ok(Change::Failed(why)),
        Err(Stopped::Spent) => {
            let why = "mutation failed due to running out of cost budget";
            return Ok(Change::Failed(why.into()));
        }
    };
    Ok(match (value.to_json(), mutation.is_patch) {
        (Ok(json), true) => Change::Patch(json),
        (Ok(json), false) => Change::Merge(json),
        (Err(error), _) => Change::Failed(error.to_string()),
    })
}
