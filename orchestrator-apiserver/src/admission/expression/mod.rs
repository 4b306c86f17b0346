//! Expressions about a request: compiled with the object that holds them, evaluated over the
//! request's own trees.
//!
//! Evaluation is a function of what is at hand. Where it asks the authorizer something that is not
//! known yet, it ends; [`settle`] finds the answer out and evaluates once more.

mod condition;
mod scene;
mod settle;
mod variables;

pub(crate) use condition::{Condition, Held, hold};
pub(crate) use scene::Scene;
pub(crate) use settle::{Known, Stopped, settle};
pub(crate) use variables::Variables;

use orchestrator_cel::{Budget, Env, EvalError, Program, Value};
use orchestrator_core::Json;
use orchestrator_kinds::kinds::admissionregistration::expressions::{self, Wanted};

/// An expression, or why it is none: that is told whenever it is needed.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The text.
    pub(crate) source: String,
    /// What it was compiled to.
    pub(crate) program: Result<Program, String>,
}

impl Compiled {
    pub(crate) fn new(env: &Env, source: &str, wanted: Wanted) -> Self {
        let program = expressions::compile(env, source, wanted);
        Self { source: source.to_owned(), program }
    }

    /// The expression at `field` of an object, where it has one.
    pub(crate) fn at(env: &Env, of: &Json, field: &str, wanted: Wanted) -> Option<Self> {
        let source = of.get(field)?.as_str().filter(|text| !text.trim().is_empty())?;
        Some(Self::new(env, source, wanted))
    }

    /// What it evaluates to.
    pub(crate) fn evaluate<'a>(
        &'a self,
        variables: &[(&'static str, Value<'a>)],
        total: &mut Budget,
        known: &Known,
    ) -> Result<Value<'a>, Stopped> {
        let program = self.program.as_ref().map_err(|why| Stopped::Failed(why.clone()))?;
        let mut budget = Budget::new(Budget::PER_CALL.min(total.left()));
        let value = program.evaluate_with(variables, &mut budget, known);
        let spent = total.charge(budget.spent());
        match value {
            Err(EvalError::Unanswered(question)) => Err(Stopped::Asks(question)),
            Err(EvalError::Cost) if spent.is_err() || total.left() == 0 => Err(Stopped::Spent),
            Err(error) => {
                let source = &self.source;
                let message = format!("expression '{source}' resulted in error: {error}");
                Err(Stopped::Failed(message))
            }
            Ok(value) => Ok(value),
        }
    }
}
