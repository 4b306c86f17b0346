//! The rules of one schema, compiled once.

use orchestrator_cel::{Env, Program, Type};

use super::{FieldPath, Rule, types};
use crate::schema::Structural;

/// The rules of one schema, and the type of the values that they are about.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// `None` where nothing is known of the values, so that no rule can speak of them.
    pub(crate) typed: Option<types::Typed>,
    pub(crate) rules: Vec<CompiledRule>,
}

/// One rule, compiled.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) rule: Rule,
    /// `Err` says why the expression is none.
    pub(crate) program: Result<Program, String>,
    /// The expression for the message, where there is one.
    pub(crate) message: Option<Result<Program, String>>,
    /// Whether the rule is about a change.
    pub(crate) uses_old: bool,
    pub(crate) field_path: Option<FieldPath>,
}

impl Compiled {
    pub(crate) fn new(schema: &Structural, is_object: bool) -> Self {
        let typed = types::of(schema, "self", is_object);
        let rules = match &typed {
            Some(typed) => {
                schema.rules.iter().map(|rule| compile(rule, &typed.ty, schema)).collect()
            }
            None => Vec::new(),
        };
        Self { typed, rules }
    }
}

fn compile(rule: &Rule, ty: &Type, schema: &Structural) -> CompiledRule {
    let old = match rule.optional_old_self {
        Some(true) => Type::optional(ty.clone()),
        _ => ty.clone(),
    };
    let env = Env::new().variable("self", ty.clone()).variable("oldSelf", old);
    let program = expression(&env, rule.rule.trim(), "", |output| match output {
        Type::Bool => None,
        _ => Some("cel expression must evaluate to a bool"),
    });
    let message = Some(rule.message_expression.trim()).filter(|text| !text.is_empty());
    let message = message.map(|text| {
        expression(&env, text, "messageExpression ", |output| match output {
            Type::String(_) => None,
            _ => Some("messageExpression must evaluate to a string"),
        })
    });
    CompiledRule {
        uses_old: program.as_ref().is_ok_and(|program| program.uses("oldSelf")),
        field_path: FieldPath::read(&rule.field_path, schema),
        rule: rule.clone(),
        program,
        message,
    }
}

/// Compiles an expression whose values must be of some type.
fn expression(
    env: &Env,
    text: &str,
    what: &str,
    fault: impl FnOnce(&Type) -> Option<&'static str>,
) -> Result<Program, String> {
    let program =
        env.compile(text).map_err(|error| format!("{what}compilation failed: {error}"))?;
    match fault(program.output()) {
        Some(why) => Err(why.to_owned()),
        None => Ok(program),
    }
}
