//! Whatever the text and the object, an evaluation ends, and soon.

use orchestrator_cel::{Budget, Env, Type, Value};
use proptest::prelude::*;
use serde_json::json;

fn run(source: &str) {
    let env = Env::new().variable("self", Type::Dyn);
    let Ok(program) = env.compile(source) else { return };
    let tree = json!({"l": [1, [2, 3], {"a": "b"}], "s": "text", "n": -7, "m": {"k": null}});
    let _ = program.estimate();
    let _ = program.evaluate(&[("self", Value::tree(&tree))], &mut Budget::new(50_000));
}

/// Any expression: mostly well formed, seldom well typed.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("self".to_owned()),
        Just("self.l".to_owned()),
        Just("self.s".to_owned()),
        Just("self.n".to_owned()),
        Just("self.m".to_owned()),
        Just("x".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("18446744073709551615u".to_owned()),
        Just("1e308".to_owned()),
        Just("'é\\n'".to_owned()),
        Just("b'\\xff'".to_owned()),
        Just("duration('2540400h')".to_owned()),
        Just("timestamp('9999-12-31T23:59:59Z')".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let binary =
            prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "<", "in", "&&", "||"]);
        let method = prop::sample::select(vec![
            "size", "min", "max", "sum", "sort", "reverse", "distinct", "flatten", "first", "trim",
            "hasValue", "value", "getHours", "isSorted",
        ]);
        let method1 = prop::sample::select(vec![
            "indexOf",
            "split",
            "charAt",
            "substring",
            "contains",
            "matches",
            "format",
            "join",
            "orValue",
            "flatten",
            "findAll",
            "getHours",
        ]);
        let fold = prop::sample::select(vec!["all", "exists", "map", "filter", "exists_one"]);
        let global = prop::sample::select(vec![
            "int",
            "uint",
            "double",
            "string",
            "bytes",
            "dyn",
            "type",
            "quantity",
            "ip",
            "cidr",
            "url",
            "semver",
            "lists.range",
            "optional.of",
            "has",
        ]);
        prop_oneof![
            (inner.clone(), binary, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (inner.clone(), method).prop_map(|(a, m)| format!("{a}.{m}()")),
            (inner.clone(), method1, inner.clone()).prop_map(|(a, m, b)| format!("{a}.{m}({b})")),
            (inner.clone(), fold, inner.clone()).prop_map(|(a, f, b)| format!("{a}.{f}(x, {b})")),
            (global, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_expression_ends(source in expressions()) {
        run(&source);
    }

    #[test]
    fn any_text_ends(source in "\\PC{0,60}") {
        run(&source);
    }
}

#[test]
fn bombs_are_cut_off() {
    let doubled = "[1]".to_owned() + &".map(x, [x, x]).flatten()".repeat(40);
    let grown = "'aaaaaaaaaa'".to_owned() + &".replace('a', 'aaaaaaaaaa')".repeat(30);
    let added = format!(
        "{}.size() > 0",
        "lists.range(10000).map(x, lists.range(10000) + lists.range(10000)).flatten()"
    );
    for source in [doubled.as_str(), &grown, &added, "'%.999999999d'.format([1.0])"] {
        run(source);
    }
}

#[test]
fn the_deepest_tree_fits_the_stack_of_a_small_thread() {
    let deep = |n: usize| {
        let open = "[".repeat(n) + "self" + &"]".repeat(n);
        format!("{open} == {open}")
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let thread = thread.spawn(move || {
        for n in [100, 150, 155, 170, 1000] {
            run(&deep(n));
            run(&format!("self{}", ".a".repeat(n)));
            run(&format!("{}self{}", "(1 + ".repeat(n), ")".repeat(n)));
            run(&format!("1{}", " + 1".repeat(n)));
            run(&format!("{}self.n{}", "[1].map(x, ".repeat(n), ")".repeat(n)));
            run(&format!("{}1", "true ? ".repeat(n) + &"1 : 1".repeat(n)));
        }
    });
    thread.unwrap().join().unwrap();
}
