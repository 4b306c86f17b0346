//! A compiled expression.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::EvalError;
use crate::check::Checked;
use crate::estimate::{self, Estimate};
use crate::eval::{Answers, Budget, NoAnswers, Run};
use crate::syntax::{Expr, Kind};
use crate::types::Type;
use crate::value::Value;

/// A compiled expression. It is made once and evaluated by anybody at the same time.
#[derive(Debug)]
pub struct Program {
    source: Arc<str>,
    root: Expr,
    checked: Checked,
}

impl Program {
    pub(crate) fn new(source: Arc<str>, root: Expr, checked: Checked) -> Self {
        Self { source, root, checked }
    }

    /// The text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The type of its values.
    pub fn output(&self) -> &Type {
        &self.checked.output
    }

    /// Whether it speaks of the variable `name`.
    pub fn uses(&self, name: &str) -> bool {
        uses(&self.root, name)
    }

    /// The fields of the variable `name` that it speaks of.
    pub fn fields(&self, name: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        fields(&self.root, name, &mut found);
        found
    }

    /// What an evaluation costs at least and at most, by what the types of variables say about
    /// sizes.
    pub fn estimate(&self) -> Estimate {
        estimate::of(&self.root, &self.checked.types)
    }

    /// Evaluates it with these variables.
    ///
    /// # Errors
    /// It is not defined for these values, or they cost more than `budget` has left.
    pub fn evaluate<'a>(
        &'a self,
        variables: &[(&str, Value<'a>)],
        budget: &mut Budget,
    ) -> Result<Value<'a>, EvalError> {
        self.evaluate_with(variables, budget, &NoAnswers)
    }

    /// Evaluates it with these variables, where the authorizer may be asked.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and [`Unanswered`](EvalError::Unanswered) for a question
    /// that `answers` has no answer to: find it out, and evaluate again.
    pub fn evaluate_with<'a>(
        &'a self,
        variables: &[(&str, Value<'a>)],
        budget: &mut Budget,
        answers: &dyn Answers,
    ) -> Result<Value<'a>, EvalError> {
        Run::new(variables, budget, answers).eval(&self.root)
    }

    /// Evaluates it as part of another evaluation, with the same variables and budget.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_within<'a>(&'a self, run: &mut Run<'_, 'a>) -> Result<Value<'a>, EvalError> {
        run.inner(&self.root)
    }
}

/// Whether a tree speaks of the variable `name`. A name of its own in a macro hides one.
fn uses(expr: &Expr, name: &str) -> bool {
    match &expr.kind {
        // A name with dots belongs to the one before the first.
        Kind::Ident(known) => known.split('.').next() == Some(name) || **known == *name,
        Kind::Fold(fold) => {
            let hidden = *fold.var == *name || fold.var2.as_deref() == Some(name);
            let inner = |expr: &Expr| !hidden && uses(expr, name);
            uses(&fold.range, name) || fold.filter.as_ref().is_some_and(inner) || inner(&fold.body)
        }
        _ => {
            let mut found = false;
            expr.for_each_child(&mut |child| found = found || uses(child, name));
            found
        }
    }
}

fn fields(expr: &Expr, name: &str, found: &mut BTreeSet<String>) {
    if let Kind::Select(select) = &expr.kind
        && matches!(&select.operand.kind, Kind::Ident(known) if **known == *name)
    {
        found.insert(select.field.to_string());
    }
    expr.for_each_child(&mut |child| fields(child, name, found));
}
