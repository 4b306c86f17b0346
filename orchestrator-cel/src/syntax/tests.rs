//! Which texts are expressions.

use proptest::prelude::*;

use super::parse;

#[test]
fn texts_that_are_expressions() {
    for source in [
        "1 + 2 * -3 - -9223372036854775808",
        "a.b.c[0].?d[?'x'].orValue(1)",
        "[1, 2, ?a, ].map(x, x > 1, x * 2)",
        "{'a': 1, ?'b': c, }",
        "Object{spec: Object.spec{replicas: 3}}",
        "a ? b : c ? d : e",
        "!!a && !b || c in [1u, 0x1F, 1.5e3, .5]",
        r#"r'\d' + "a\n\x41é" + '''it's''' == b"\377""#,
        "// a comment\n a // another",
        ".a.b(c)",
        "x.all(i, v, i < v)",
    ] {
        assert!(parse(source).is_ok(), "{source}: {:?}", parse(source));
    }
}

#[test]
fn texts_that_are_none() {
    for source in [
        "",
        "1 +",
        "a.",
        "a b",
        "(a",
        "[1",
        "a ? b",
        "for",
        "9223372036854775808",
        "'a",
        "a.map(1, 2)",
        "has(a)",
        "a = b",
        "#",
        "{a}",
        "1.map{a: 1}",
    ] {
        assert!(parse(source).is_err(), "{source}");
    }
}

#[test]
fn deep_texts_are_refused_and_wide_ones_are_not() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5000), close.repeat(5000));
    for source in
        [deep("(", ")"), deep("[", "]"), deep("{1:", "}"), deep("a(", ")"), deep("true ? 1 : ", "")]
    {
        assert!(parse(&source).is_err());
    }
    assert!(parse(&format!("1{}", " + 1".repeat(1000))).is_err());
    assert!(parse(&format!("a{}", ".b".repeat(1000))).is_err());
    assert!(parse(&format!("{}1", "!".repeat(5000))).is_ok());
    assert!(parse(&format!("true{}", " && true".repeat(1000))).is_ok());
    assert!(parse(&"1".repeat(200_000)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No text makes the parser panic.
    #[test]
    fn any_text_is_read_or_refused(source in "[a-c0-9().,?:!'\"+*/&|=<>\\[\\]{} \\\\-]{0,40}") {
        let _ = parse(&source);
    }
}
