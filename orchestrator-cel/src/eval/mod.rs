//! Trees to values.
//!
//! An evaluation walks the tree. What a function or a field costs is taken from the
//! [`Budget`] before it is computed. An error is a value like others until somebody needs it:
//! `a || b` is true if one of them is, whatever the other would have said.

mod budget;
mod cost;
mod fold;
mod make;

pub use budget::Budget;

use crate::EvalError;
use crate::functions::Function;
use crate::syntax::ast::{Call, Select};
use crate::syntax::{Expr, Kind, Literal, SelectMode};
use crate::value::{Answer, Question, Text, Value, named_type};

type Evaluated<'a> = Result<Value<'a>, EvalError>;

/// How many evaluations may be inside one another: a variable may name others.
const NESTED_MAX: u16 = 3;

/// Who knows what the authorizer says.
pub trait Answers {
    /// The answer, where it is known already.
    fn answer(&self, question: &Question) -> Option<Answer>;
}

/// Nobody to ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAnswers;

impl Answers for NoAnswers {
    fn answer(&self, _question: &Question) -> Option<Answer> {
        None
    }
}

/// One evaluation on its way.
pub struct Run<'r, 'a> {
    variables: &'r [(&'r str, Value<'a>)],
    locals: Vec<(&'a str, Value<'a>)>,
    budget: &'r mut Budget,
    answers: &'r dyn Answers,
    nested: u16,
}

impl<'r, 'a> Run<'r, 'a> {
    pub(crate) fn new(
        variables: &'r [(&'r str, Value<'a>)],
        budget: &'r mut Budget,
        answers: &'r dyn Answers,
    ) -> Self {
        Self { variables, locals: Vec::new(), budget, answers, nested: 0 }
    }

    /// Takes `cost` from the budget.
    pub(crate) fn spend(&mut self, cost: u64) -> Result<(), EvalError> {
        self.budget.spend(cost)
    }

    /// Counts so many items or characters that are handled.
    pub(crate) fn work(&mut self, items: usize) -> Result<(), EvalError> {
        self.budget.work(items)
    }

    /// What the authorizer says.
    pub(crate) fn ask(&self, question: Question) -> Result<Answer, EvalError> {
        let answer = self.answers.answer(&question);
        answer.ok_or_else(|| EvalError::Unanswered(Box::new(question)))
    }

    /// Evaluates another expression with the same variables, as one that is named by this.
    pub(crate) fn inner(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        if self.nested >= NESTED_MAX {
            return Err(EvalError::undefined("variables are nested too deeply"));
        }
        let locals = std::mem::take(&mut self.locals);
        self.nested += 1;
        let value = self.eval(expr);
        self.nested -= 1;
        self.locals = locals;
        value
    }

    /// The value of `expr`.
    pub(crate) fn eval(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        match &expr.kind {
            Kind::Literal(literal) => Ok(constant(literal)),
            Kind::Ident(name) => self.ident(name),
            Kind::Select(select) => self.select(select),
            Kind::Call(call) => self.call(call),
            Kind::And(terms) => self.decide(terms, false),
            Kind::Or(terms) => self.decide(terms, true),
            Kind::Conditional(parts) => {
                let [condition, then, other] = &**parts;
                match self.eval(condition)? {
                    Value::Bool(true) => self.eval(then),
                    Value::Bool(false) => self.eval(other),
                    _ => Err(EvalError::overload()),
                }
            }
            Kind::List(items) => self.make_list(items),
            Kind::Map(entries) => self.make_map(entries),
            Kind::Struct(made) => self.make_struct(made),
            Kind::Fold(fold) => self.fold(fold),
        }
    }

    /// The value of `expr`, which has to be a truth value.
    fn truth(&mut self, expr: &'a Expr) -> Result<bool, EvalError> {
        self.eval(expr)?.as_bool().ok_or_else(EvalError::overload)
    }

    fn ident(&mut self, name: &'a str) -> Evaluated<'a> {
        self.spend(1)?;
        let local = self.locals.iter().rev().find(|(known, _)| *known == name);
        if let Some((_, value)) = local {
            return Ok(value.clone());
        }
        if let Some((_, value)) = self.variables.iter().find(|(known, _)| *known == name) {
            return Ok(value.clone());
        }
        match named_type(name) {
            Some(ty) => Ok(Value::Type(ty.into())),
            None => Err(EvalError::Undefined(format!("no such attribute(s): {name}"))),
        }
    }

    /// `&&` and `||`: the first term that is `decisive` decides; errors count only if none is.
    fn decide(&mut self, terms: &'a [Expr], decisive: bool) -> Evaluated<'a> {
        let mut failed = None;
        for term in terms {
            match self.truth(term) {
                Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn select(&mut self, select: &'a Select) -> Evaluated<'a> {
        let operand = self.eval(&select.operand)?;
        match select.mode {
            SelectMode::Value => {
                self.spend(1)?;
                self.field(&operand, &select.field)
            }
            SelectMode::Test => {
                let content = match &operand {
                    Value::Optional(None) => return Ok(Value::Bool(false)),
                    Value::Optional(Some(content)) => content,
                    other => other,
                };
                self.look(content, &select.field).map(|found| Value::Bool(found.is_some()))
            }
            SelectMode::Optional => {
                self.spend(1)?;
                self.optional_field(&operand, &select.field)
            }
        }
    }

    fn field(&mut self, operand: &Value<'a>, name: &str) -> Evaluated<'a> {
        if let Value::Optional(_) = operand {
            return self.optional_field(operand, name);
        }
        self.look(operand, name)?.ok_or_else(|| EvalError::key(name))
    }

    fn optional_field(&mut self, operand: &Value<'a>, name: &str) -> Evaluated<'a> {
        let content = match operand {
            Value::Optional(None) => return Ok(Value::none()),
            Value::Optional(Some(content)) => content,
            other => other,
        };
        Ok(self.look(content, name)?.map_or(Value::none(), Value::some))
    }

    /// The field of an object, if it is there.
    fn look(&mut self, operand: &Value<'a>, name: &str) -> Result<Option<Value<'a>>, EvalError> {
        match operand {
            Value::Map(map) => map.field(name).transpose(),
            Value::Struct(made) => {
                let found = made.fields.iter().find(|(known, _)| *known == name);
                Ok(found.map(|(_, value)| value.clone()))
            }
            Value::Record(record) => {
                let record = record.clone();
                record.field(name, self).transpose()
            }
            _ => Err(EvalError::overload()),
        }
    }

    fn call(&mut self, call: &'a Call) -> Evaluated<'a> {
        let function = call.function.expect("the checker finds every function");
        if let Some(lazy) = function.lazy {
            return lazy(self, &call.args);
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.eval(arg)?);
        }
        self.apply(function, &args)
    }

    fn apply(&mut self, function: &Function, args: &[Value<'a>]) -> Evaluated<'a> {
        self.spend(cost::of(function.cost, args))?;
        (function.run)(self, args)
    }

    /// The value at an index or a key.
    pub(crate) fn index(
        &mut self,
        operand: &Value<'a>,
        index: &Value<'a>,
    ) -> Result<Option<Value<'a>>, EvalError> {
        make::index(operand, index)
    }
}

fn constant(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(text) => Value::String(Text::Borrowed(text)),
        Literal::Bytes(bytes) => Value::Bytes((**bytes).into()),
    }
}
