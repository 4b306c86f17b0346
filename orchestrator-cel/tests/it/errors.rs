//! What is said about expressions that are none.

use std::sync::Arc;

use orchestrator_cel::{Env, Record, Type};

fn env() -> Env {
    let spec = Record::new(
        "spec",
        [
            ("name".to_owned(), Type::STRING),
            ("n".to_owned(), Type::Int),
            ("list".to_owned(), Type::list(Type::STRING)),
        ],
    );
    Env::new().variable("self", Type::Object(Arc::new(spec))).variable("object", Type::Dyn)
}

fn error(source: &str) -> String {
    env().compile(source).expect_err(source).to_string()
}

#[test]
fn recorded_errors() {
    const EXPECTED: &str = "expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', \
                            NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
    let rows = [
        ("self.nope > 1", "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope > 1\n | ....^".to_owned()),
        ("1+", format!("ERROR: <input>:1:3: Syntax error: mismatched input '<EOF>' {EXPECTED}\n | 1+\n | ..^")),
        ("1 +", format!("ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' {EXPECTED}\n | 1 +\n | ...^")),
        ("self.a +", format!("ERROR: <input>:1:9: Syntax error: mismatched input '<EOF>' {EXPECTED}\n | self.a +\n | ........^")),
        ("object.", "ERROR: <input>:1:8: Syntax error: no viable alternative at input '.'\n | object.\n | .......^".to_owned()),
    ];
    for (source, wanted) in rows {
        assert_eq!(error(source), wanted);
    }
}

#[test]
fn errors_of_the_checker() {
    let rows = [
        ("nope", "1:1: undeclared reference to 'nope' (in container '')"),
        ("nope(1)", "1:5: undeclared reference to 'nope' (in container '')"),
        ("self.n + 'a'", "1:8: found no matching overload for '_+_' applied to '(int, string)'"),
        ("self.n == 'a'", "1:8: found no matching overload for '_==_' applied to '(int, string)'"),
        ("self.n.size()", "1:12: found no matching overload for 'size' applied to 'int.()'"),
        ("size(self.n)", "1:5: found no matching overload for 'size' applied to '(int)'"),
        ("self.n.x", "1:7: type 'int' does not support field selection"),
        (
            "self.n.all(x, true)",
            "1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
        ),
        (
            "self.list.all(x, x)",
            "1:14: found no matching overload for '_&&_' applied to '(bool, string)'",
        ),
        ("self.n && true", "1:8: found no matching overload for '_&&_' applied to '(int, bool)'"),
        (
            "self.n ? 1 : 2",
            "1:8: found no matching overload for '_?_:_' applied to '(int, int, int)'",
        ),
        ("[1, 'a']", "1:5: expected type 'int' but found 'string'"),
        ("has(self.nope)", "1:4: undefined field 'nope'"),
        ("'a'.matches('(')", "1:13: invalid matches argument"),
        ("duration('x') == duration('1s')", "1:10: invalid duration argument"),
        ("has(self)", "1:5: invalid argument to has() macro"),
        ("Nope{}", "1:5: undeclared reference to 'Nope' (in container '')"),
    ];
    for (source, wanted) in rows {
        let error = error(source);
        let first = error.lines().next().unwrap();
        assert_eq!(first, format!("ERROR: <input>:{wanted}"), "{source}");
    }
}

#[test]
fn the_type_of_the_whole_is_known() {
    let rows = [
        ("1", "int"),
        ("object", "dyn"),
        ("object.a.b == 1", "bool"),
        ("self.list.map(x, x.size())", "list(int)"),
        ("self.?name", "optional_type(string)"),
        ("self.?name.orValue('')", "string"),
        ("true ? 'a' : 'b'", "string"),
        ("true ? [] : [1]", "list(int)"),
        ("true ? {'a': 1} : {}", "map(string, int)"),
        ("{'a': 1}", "map(string, int)"),
        ("null", "null"),
        ("object + 1", "int"),
        ("quantity('1')", "kubernetes.Quantity"),
    ];
    for (source, wanted) in rows {
        let program = env().compile(source).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(program.output().to_string(), wanted, "{source}");
    }
    assert!(env().compile("self.n > 1").unwrap().uses("self"));
    assert!(!env().compile("[1].all(self, self > 0)").unwrap().uses("self"));
}
