//! The rules of a schema: their words, and whether they compile and are cheap enough.

use orchestrator_cel::Program;
use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;

use crate::report::{At, forbidden, invalid, invalid_verbatim, required, unsupported};
use crate::rules::{CompiledRule, FieldPath, MAX_REQUEST};
use crate::schema::Structural;
use crate::value::Fields;

const RULES: &str = "x-kubernetes-validations";

const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Checks the words of all rules of one schema.
pub(super) fn check_words(schema: &Json, at: &mut At) -> FieldErrors {
    let mut errors = FieldErrors::new();
    at.field(RULES, |at| {
        for (index, rule) in schema.list(RULES).iter().enumerate() {
            at.index(index, |at| words(schema, rule, at, &mut errors));
        }
    });
    errors
}

fn words(schema: &Json, rule: &Json, at: &mut At, errors: &mut FieldErrors) {
    let has_newline = |text: &str| text.contains(['\n', '\r']);
    let (text, message) = (rule.text("rule").trim(), rule.text("message"));
    if text.is_empty() {
        at.field("rule", |at| errors.push(required(at.path(), "rule is not specified")));
    } else {
        at.field("message", |at| {
            let found = Some(rule.sub("message"));
            if !message.is_empty() && message.trim().is_empty() {
                let why = "message must be non-empty if specified";
                errors.push(invalid(at.path(), found, why));
            } else if has_newline(message.trim()) {
                let why = "message must not contain line breaks";
                errors.push(invalid(at.path(), found, why));
            } else if has_newline(text) && message.trim().is_empty() {
                let why = "message must be specified if rule contains line breaks";
                errors.push(required(at.path(), why));
            }
        });
    }
    let expression = rule.text("messageExpression");
    if !expression.is_empty() && expression.trim().is_empty() {
        let why = "messageExpression must be non-empty if specified";
        at.field("messageExpression", |at| errors.push(required(at.path(), why)));
    }
    if rule.has("reason") && !REASONS.contains(&rule.text("reason")) {
        at.field("reason", |at| {
            errors.push(unsupported(at.path(), rule.sub("reason"), &REASONS));
        });
    }
    let path = rule.text("fieldPath");
    if path.is_empty() {
        return;
    }
    at.field("fieldPath", |at| {
        let found = Some(rule.sub("fieldPath"));
        if path.trim().is_empty() {
            errors.push(invalid(at.path(), found, "must be non-empty if specified"));
        } else if has_newline(path) {
            errors.push(invalid(at.path(), found, "must not contain line breaks"));
        } else if FieldPath::parse(path, schema).is_none() {
            errors.push(invalid(at.path(), found, "must be a valid path"));
        }
    });
}

/// What one rule may cost, were all values as large as their schema lets them be.
const MAX_RULE_COST: u64 = 10_000_000;

/// The same of all rules of a definition together.
const MAX_TOTAL_COST: u64 = 100_000_000;

/// How many of the most expensive rules are named where all together are too expensive.
const MAX_NAMED: usize = 4;

/// Where a schema stands in the whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// How many values of the schema an object may have; `None` for without a bound.
    pub(super) count: Option<u64>,
    /// The list above whose items cannot be told apart, so that there is no old value.
    pub(super) uncorrelatable: Option<String>,
    /// Whether values are whole objects.
    pub(super) is_object: bool,
}

/// What compiling the rules of a whole schema has brought.
#[derive(Debug, Default)]
pub(super) struct Found {
    errors: FieldErrors,
    total: u64,
    /// The rules by what they may cost.
    costs: Vec<(u64, String)>,
}

impl Found {
    /// Compiles the rules of one schema.
    pub(super) fn compile(&mut self, schema: &Structural, place: &Place, at: &mut At) {
        let compiled = schema.compiled(place.is_object);
        let Some(typed) = &compiled.typed else {
            let why = "internal error: failed to retrieve type information for \
                       x-kubernetes-validations";
            at.field(RULES, |at| self.errors.push(invalid(at.path(), None, why)));
            return;
        };
        let count = place.count.unwrap_or(MAX_REQUEST / (typed.min + 1));
        at.field(RULES, |at| {
            for (index, rule) in compiled.rules.iter().enumerate() {
                at.index(index, |at| self.rule(rule, count, place, at));
            }
        });
    }

    fn rule(&mut self, rule: &CompiledRule, count: u64, place: &Place, at: &mut At) {
        if rule.rule.rule.trim().is_empty() {
            return;
        }
        let told = rule.rule.to_string();
        at.field("rule", |at| match &rule.program {
            Err(why) => self.errors.push(invalid_verbatim(at.path(), &told, why)),
            Ok(program) => self.cost("estimated rule cost", program, count, at),
        });
        at.field("messageExpression", |at| match &rule.message {
            Some(Err(why)) => self.errors.push(invalid_verbatim(at.path(), &told, why)),
            Some(Ok(program)) => {
                self.cost("estimated messageExpression cost", program, count, at);
            }
            None => {}
        });
        if rule.uses_old {
            if let Some(list) = &place.uncorrelatable {
                let text = Json::from(rule.rule.rule.as_str());
                let why = format!(
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within \
                     {list}"
                );
                let error = |at: &mut At| invalid(at.path(), Some(&text), &why);
                self.errors.push(at.field("rule", error));
            }
        } else if let Some(set) = rule.rule.optional_old_self {
            let why = "may not be set if oldSelf is not used in rule";
            let error = |at: &mut At| invalid(at.path(), Some(&Json::from(set)), why);
            self.errors.push(at.field("optionalOldSelf", error));
        }
    }

    fn cost(&mut self, what: &str, program: &Program, count: u64, at: &mut At) {
        let cost = program.estimate().max.saturating_mul(count);
        if cost > MAX_RULE_COST {
            self.errors.push(forbidden(at.path(), &exceeds(what, cost, MAX_RULE_COST)));
        }
        self.total = self.total.saturating_add(cost);
        self.costs.push((cost, at.path().to_owned()));
    }

    /// All that is wrong with the rules.
    pub(super) fn finish(mut self, at: &At) -> FieldErrors {
        if self.total > MAX_TOTAL_COST {
            self.costs.sort_by_key(|cost| std::cmp::Reverse(cost.0));
            for (_, path) in self.costs.iter().take(MAX_NAMED) {
                let why = "contributed to estimated rule cost total exceeding cost limit for \
                           entire OpenAPIv3 schema";
                self.errors.push(forbidden(path, why));
            }
            let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 \
                        schema";
            let why = exceeds(what, self.total, MAX_TOTAL_COST);
            self.errors.push(forbidden(at.path(), &why));
        }
        self.errors
    }
}

/// By how much a cost is too high.
fn exceeds(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = match factor {
        _ if factor > 100.0 => "more than 100x".to_owned(),
        _ if factor < 1.5 => format!("{factor:.6}x"),
        _ => format!("{factor:.1}x"),
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding \
         maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}
