//! Which devices: expressions about one of them.

use std::sync::LazyLock;

use orchestrator_cel::{Env, Opaque, Record, Type};
use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::report::Report;

/// How many selectors there may be, and how long an expression.
const SELECTORS_MAX: usize = 32;
const BYTES_MAX: usize = 10 * 1024;

/// The variable `device`.
static ENV: LazyLock<Env> = LazyLock::new(|| {
    let by_domain = |value: Type| Type::map(Type::STRING, Type::map(Type::STRING, value));
    let device = Record::plain(
        "kubernetes.DRADevice",
        [
            ("driver", Type::STRING),
            ("allowMultipleAllocations", Type::Bool),
            ("attributes", by_domain(Type::Dyn)),
            ("capacity", by_domain(Type::Opaque(Opaque::Quantity))),
        ],
    );
    Env::new().variable("device", Type::Object(device))
});

/// Checks the selectors at `path`.
pub(super) fn check(selectors: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    if selectors.len() > SELECTORS_MAX {
        errors.too_many(path, selectors.len(), SELECTORS_MAX);
    }
    for (i, selector) in selectors.iter().enumerate() {
        let path = path.index(i);
        let path = path.child("cel");
        let Some(cel) = selector.get_set("cel") else {
            errors.required(&path, "");
            continue;
        };
        check_expression(cel.text("expression"), &path.child("expression"), errors);
    }
}

fn check_expression(expression: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if expression.len() > BYTES_MAX {
        errors.too_long(path, BYTES_MAX);
        return;
    }
    match ENV.compile(expression) {
        Err(error) => errors.invalid(path, expression, format!("compilation failed: {error}")),
        Ok(program) if !matches!(program.output(), Type::Bool) && !program.output().is_dyn() => {
            let detail =
                format!("must evaluate to bool or the unknown type, not {}", program.output());
            errors.invalid(path, expression, detail);
        }
        Ok(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_expression_is_about_a_device() {
        let check = |expression: &str| {
            let mut errors = FieldErrors::new();
            check(&[json!({"cel": {"expression": expression}})], &Path::new("s"), &mut errors);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(check("device.driver == 'd' && device.attributes['d'].x > 1"), "");
        assert_eq!(check("device.capacity['d'].memory.isGreaterThan(quantity('1Gi'))"), "");
        let undefined = check("device.foo");
        assert!(undefined.contains("ERROR: <input>:1:7: undefined field 'foo'"), "{undefined}");
        assert!(check("1").contains("must evaluate to bool"));
    }
}
