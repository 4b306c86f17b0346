//! Whether an object obeys the rules of its schema.
//!
//! A rule that speaks of the old value is about changes: it is asked where there is an old value,
//! which fields and the keys of list maps tell. Of a value that a change leaves alone, only such
//! rules are asked. All rules of an object share one budget.

use orchestrator_cel::{Budget, EvalError, Value};
use orchestrator_core::Json;
use orchestrator_core::field::{FieldError, FieldErrors};
use orchestrator_core::object::Map;

use super::compile::{Compiled, CompiledRule};
use crate::report::{At, duplicate, forbidden, invalid, required};
use crate::schema::{Additional, ListType, Structural};
use crate::validate::{by_key, key};

/// The longest message that an expression may make, in bytes.
const MAX_MESSAGE: usize = 5000;

const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// What rules say against `new`, which replaces `old`.
pub fn check(schema: &Structural, new: &Map, old: Option<&Map>) -> FieldErrors {
    let mut walk =
        Walk { at: At::default(), errors: FieldErrors::new(), left: Budget::PER_REQUEST };
    if !schema.rules.is_empty() {
        let whole = |map: &Map| Json::Object(map.clone());
        let (new, old) = (whole(new), old.map(whole));
        walk.rules(schema, true, &new, old.as_ref());
    }
    walk.fields(schema, new, old);
    walk.errors
}

struct Walk {
    at: At,
    errors: FieldErrors,
    /// What all rules that are still to be asked may cost; 0 ends the walk.
    left: u64,
}

impl Walk {
    fn value(&mut self, schema: &Structural, new: &Json, old: Option<&Json>) {
        if new.is_null() || self.left == 0 || !schema.has_rules() {
            return;
        }
        if !schema.rules.is_empty() {
            self.rules(schema, schema.embedded, new, old.filter(|old| !old.is_null()));
        }
        match new {
            Json::Object(map) => self.fields(schema, map, old.and_then(Json::as_object)),
            Json::Array(items) => {
                let Some(below) = &schema.items else { return };
                let old = old.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
                self.items(schema, below, items, old);
            }
            _ => {}
        }
    }

    fn fields(&mut self, schema: &Structural, new: &Map, old: Option<&Map>) {
        let old = old.filter(|_| !schema.is_atomic_map);
        for (name, value) in new {
            let old = old.and_then(|old| old.get(name));
            if let Some(property) = schema.properties.get(name.as_str()) {
                self.below(|at, look| at.field(name, look), property, value, old);
            } else if let Additional::Schema(values) = &schema.additional {
                self.below(|at, look| at.key(name, look), values, value, old);
            }
        }
    }

    fn items(&mut self, schema: &Structural, below: &Structural, new: &[Json], old: &[Json]) {
        let keys = match &schema.list {
            ListType::Map(keys) => Some(keys.as_slice()),
            _ => None,
        };
        let old = keys.map(|keys| by_key(keys, old)).unwrap_or_default();
        for (index, item) in new.iter().enumerate() {
            let old = keys.and_then(|keys| old.get(&key(keys, item)).copied());
            self.below(|at, look| at.index(index, look), below, item, old);
        }
    }

    fn below(
        &mut self,
        step: impl FnOnce(&mut At, &mut dyn FnMut(&mut At)),
        schema: &Structural,
        new: &Json,
        old: Option<&Json>,
    ) {
        if !schema.has_rules() {
            return;
        }
        let mut at = std::mem::take(&mut self.at);
        step(&mut at, &mut |at| {
            std::mem::swap(at, &mut self.at);
            self.value(schema, new, old);
            std::mem::swap(at, &mut self.at);
        });
        self.at = at;
    }

    fn rules(&mut self, schema: &Structural, is_object: bool, new: &Json, old: Option<&Json>) {
        let compiled = schema.compiled(is_object);
        let is_unchanged = old == Some(new);
        for rule in &compiled.rules {
            if self.left == 0 {
                return;
            }
            let before = self.errors.len();
            self.rule(compiled, rule, new, old);
            // What was wrong before may stay so, unless the rule is about the change.
            if is_unchanged && !rule.uses_old && self.left > 0 {
                self.errors.truncate(before);
            }
        }
    }

    fn rule<'a>(
        &mut self,
        compiled: &'a Compiled,
        rule: &'a CompiledRule,
        new: &'a Json,
        old: Option<&'a Json>,
    ) {
        let is_optional = rule.rule.optional_old_self == Some(true);
        let program = match &rule.program {
            Ok(program) => program,
            Err(why) => return self.report(new, &format!("rule compile error: {why}")),
        };
        if rule.uses_old && old.is_none() && !is_optional {
            return;
        }
        let Some(typed) = &compiled.typed else { return };
        let lifted = Value::typed(new, &typed.ty);
        let lifted_old = old.map(|old| Value::typed(old, &typed.ty)).transpose();
        let (value, old) = match (lifted, lifted_old) {
            (Ok(value), Ok(old)) => (value, old),
            (Err(error), _) | (_, Err(error)) => return self.failed(rule, new, &error),
        };
        let old = match (old, is_optional) {
            (Some(old), true) => Value::some(old),
            (Some(old), false) => old,
            (None, true) => Value::none(),
            (None, false) => value.clone(),
        };
        let variables = [("self", value), ("oldSelf", old)];
        let mut budget = Budget::new(Budget::PER_CALL.min(self.left));
        let result = program.evaluate(&variables, &mut budget);
        self.spend(&budget, new);
        match result {
            Ok(value) if value.as_bool() == Some(true) => {}
            Ok(_) => {
                let message = self.message(rule, &variables);
                let error = self.error(rule, new, &message);
                self.errors.push(error);
            }
            Err(error) => self.failed(rule, new, &error),
        }
    }

    /// Takes from what is left; where nothing is, that is told and the walk ends.
    fn spend(&mut self, budget: &Budget, value: &Json) {
        let spent = budget.spent();
        if spent > self.left {
            self.report(value, OUT_OF_BUDGET);
        }
        self.left = self.left.saturating_sub(spent);
    }

    fn failed(&mut self, rule: &CompiledRule, value: &Json, error: &EvalError) {
        let text = error.to_string();
        let shown = told(rule);
        let why = if matches!(error, EvalError::Cost) {
            self.left = 0;
            format!(
                "'{text}': no further validation rules will be run due to call cost exceeds limit \
                 for rule: {shown}"
            )
        } else if text.starts_with("no such overload") {
            format!(
                "'{text}': call arguments did not match a supported operator, function or macro \
                 signature for rule: {shown}"
            )
        } else {
            format!("{text} evaluating rule: {shown}")
        };
        self.report(value, &why);
    }

    /// What is told of a rule that does not hold.
    fn message<'a>(&mut self, rule: &'a CompiledRule, variables: &[(&str, Value<'a>)]) -> String {
        if let Some(Ok(program)) = &rule.message {
            let mut budget = Budget::new(Budget::PER_CALL.min(self.left));
            let made = program.evaluate(variables, &mut budget);
            self.left = self.left.saturating_sub(budget.spent());
            let made = made.ok().and_then(|value| value.as_str().map(str::to_owned));
            let is_sound = |text: &String| {
                !text.trim().is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n')
            };
            if let Some(text) = made.filter(is_sound) {
                return text.trim().to_owned();
            }
        }
        match rule.rule.message.trim() {
            "" => format!("failed rule: {}", rule.rule.rule.trim()),
            message => message.to_owned(),
        }
    }

    fn error(&self, rule: &CompiledRule, value: &Json, message: &str) -> FieldError {
        let path = match &rule.field_path {
            Some(below) => below.below(self.at.path()),
            None => self.at.path().to_owned(),
        };
        match rule.rule.reason.as_deref() {
            Some("FieldValueForbidden") => forbidden(&path, message),
            Some("FieldValueRequired") => required(&path, message),
            Some("FieldValueDuplicate") => duplicate(&path, value),
            _ => invalid(named(&path), shown(value), message),
        }
    }

    fn report(&mut self, value: &Json, why: &str) {
        let error = invalid(named(self.at.path()), shown(value), why);
        self.errors.push(error);
    }
}

/// The path as errors name it.
fn named(path: &str) -> &str {
    if path.is_empty() { crate::report::NO_FIELD } else { path }
}

/// The value as errors show it: lists and objects are too much.
fn shown(value: &Json) -> Option<&Json> {
    Some(value).filter(|value| !value.is_object() && !value.is_array())
}

/// How a rule is named.
fn told(rule: &CompiledRule) -> &str {
    match rule.rule.message.trim() {
        "" => rule.rule.rule.trim(),
        message => message,
    }
}
