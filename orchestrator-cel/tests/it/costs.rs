//! What expressions cost, and may cost.

use std::sync::Arc;

use orchestrator_cel::{Budget, Env, EvalError, ListKind, ListType, Max, Type, Value};
use serde_json::json;

#[test]
fn costs_are_counted_as_upstream_counts_them() {
    let env = Env::new().variable("self", Type::Dyn);
    let tree = json!({"a": {"b": 1}, "s": "x".repeat(100), "l": [1, 2, 3]});
    let rows = [
        ("1 == 1", 1),
        ("self.a.b == 1", 4),
        ("self.s == 'x'", 3),
        ("self.s.contains('x')", 12),
        ("[1, 2]", 10),
        ("self.l.all(x, x > 0)", 3 + 3 * (3 + 2)),
        ("true || self.a.b == 1", 0),
    ];
    for (source, wanted) in rows {
        let program = env.compile(source).unwrap();
        let mut budget = Budget::new(1000);
        program.evaluate(&[("self", Value::tree(&tree))], &mut budget).unwrap();
        assert_eq!(budget.spent(), wanted, "{source}");
    }
}

#[test]
fn who_runs_out_of_budget_is_stopped() {
    let env = Env::new().variable("self", Type::Dyn);
    let tree = json!((0..1000).collect::<Vec<_>>());
    let source = "self.all(x, self.all(y, self.all(z, x + y + z >= 0)))";
    let program = env.compile(source).unwrap();
    let mut budget = Budget::default();
    let value = program.evaluate(&[("self", Value::tree(&tree))], &mut budget);
    assert_eq!(value.unwrap_err(), EvalError::Cost);
    assert_eq!(EvalError::Cost.to_string(), "operation cancelled: actual cost limit exceeded");
}

fn list(item: Type, max: u64) -> Type {
    Type::List(Arc::new(ListType { item, max: Max(max), kind: ListKind::Atomic }))
}

#[test]
fn the_estimate_follows_the_bounds_of_the_schema() {
    let estimate = |ty: Type, source: &str| {
        Env::new().variable("self", ty).compile(source).unwrap().estimate().max
    };
    let nested = "self.all(x, self.all(y, x.all(z, y.all(w, z == w))))";
    let open = Type::list(Type::list(Type::STRING));
    assert!(estimate(open, nested) > 1 << 60);
    let small = list(list(Type::String(Max(10)), 3), 3);
    assert!(estimate(small.clone(), nested) < 10_000);
    assert_eq!(estimate(list(Type::Int, 10), "self.all(x, x > 0)"), 1 + 1 + 10 * (3 + 2));
    assert!(estimate(small, "self[0][0].contains('x')") < 20);
}
