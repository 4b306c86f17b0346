//! The variables that a policy defines: each is evaluated once, when it is first asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;

use orchestrator_cel::{Env, EvalError, Fields, Run, Type, Value};
use orchestrator_core::Json;
use orchestrator_kinds::kinds::admissionregistration::expressions::{Wanted, with_variables};

use super::Compiled;

/// The definitions.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    list: Vec<Variable>,
}

#[derive(Debug)]
struct Variable {
    name: String,
    compiled: Compiled,
    /// Those before it that it uses, and those that they use.
    needs: BTreeSet<usize>,
}

impl Variables {
    /// Compiles the variables of a policy; they, and the environment that knows them.
    pub(crate) fn read(list: Option<&Json>, env: Env) -> (Self, Env) {
        let mut known: Vec<(String, Type)> = Vec::new();
        let mut variables = Self::default();
        for variable in list.and_then(Json::as_array).into_iter().flatten() {
            let text = |field: &str| variable.get(field).and_then(Json::as_str).unwrap_or_default();
            let name = text("name").to_owned();
            let env = with_variables(env.clone(), &known);
            let compiled = Compiled::new(&env, text("expression"), Wanted::Anything);
            let (ty, needs) = match &compiled.program {
                Ok(program) => {
                    (program.output().clone(), variables.needs(&program.fields("variables")))
                }
                Err(_) => (Type::Dyn, BTreeSet::new()),
            };
            known.push((name.clone(), ty));
            variables.list.push(Variable { name, compiled, needs });
        }
        let env = with_variables(env, &known);
        (variables, env)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.list.iter().rposition(|variable| variable.name == name)
    }

    fn needs(&self, names: &BTreeSet<String>) -> BTreeSet<usize> {
        let direct: Vec<_> = names.iter().filter_map(|name| self.place(name)).collect();
        let further = direct.iter().flat_map(|at| self.list[*at].needs.iter().copied());
        direct.iter().copied().chain(further).collect()
    }

    /// The variables for one evaluation.
    pub(crate) fn values(&self) -> Values<'_> {
        Values { variables: self, known: RefCell::new(vec![None; self.list.len()]) }
    }
}

/// The variables with what of them has been evaluated.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    variables: &'a Variables,
    known: RefCell<Vec<Option<Result<Value<'a>, EvalError>>>>,
}

impl<'a> Values<'a> {
    fn value(&self, at: usize, run: &mut Run<'_, 'a>) -> Result<Value<'a>, EvalError> {
        if let Some(known) = &self.known.borrow()[at] {
            return known.clone();
        }
        let Variable { name, compiled, .. } = &self.variables.list[at];
        let value = match &compiled.program {
            Ok(program) => program.evaluate_within(run).map_err(|error| match error {
                EvalError::Undefined(why) => EvalError::undefined(format!(
                    "composited variable {name:?} fails to evaluate: {why}"
                )),
                other => other,
            }),
            Err(why) => Err(EvalError::undefined(format!(
                "composited variable {name:?} fails to compile: {why}"
            ))),
        };
        self.known.borrow_mut()[at] = Some(value.clone());
        value
    }
}

impl<'a> Fields<'a> for Values<'a> {
    fn field(&self, name: &str, run: &mut Run<'_, 'a>) -> Option<Result<Value<'a>, EvalError>> {
        let at = self.variables.place(name)?;
        // Those that it needs come first, one after the other: so no chain of variables makes a
        // deep chain of evaluations.
        for needed in &self.variables.list[at].needs {
            if let Err(error @ (EvalError::Cost | EvalError::Unanswered(_))) =
                self.value(*needed, run)
            {
                return Some(Err(error));
            }
        }
        Some(self.value(at, run))
    }
}
