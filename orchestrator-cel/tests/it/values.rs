//! What expressions evaluate to.

use orchestrator_cel::{Answer, Answers, Budget, Env, EvalError, Question, Record, Type, Value};
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn object() -> Json {
    json!({
        "n": 3, "f": 1.5, "s": "héllo", "t": true, "z": null,
        "l": [3, 1, 2], "m": {"a": 1, "b": 2}, "o": {"x": {"y": "deep"}},
        "labels": {"app.kubernetes.io/name": "web"},
    })
}

/// The value of an expression about [`object`], as JSON; an error as text.
fn eval(source: &str) -> Json {
    let env = Env::new().variable("self", Type::Dyn);
    let program = env.compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let object = object();
    let value = program.evaluate(&[("self", Value::tree(&object))], &mut Budget::default());
    match value.and_then(|value| value.to_json()) {
        Ok(json) => json,
        Err(error) => json!(format!("error: {error}")),
    }
}

fn check(rows: &[(&str, Json)]) {
    for (source, wanted) in rows {
        assert_eq!(eval(source), *wanted, "{source}");
    }
}

#[test]
fn operators() {
    check(&[
        ("1 + 2 * 3 - 4 / 2 % 3", json!(5)),
        ("-(2) + -3", json!(-5)),
        ("1.5 * 2.0", json!(3.0)),
        ("'a' + 'b'", json!("ab")),
        ("[1] + [2, 3]", json!([1, 2, 3])),
        ("1 < 2 && 2u >= 2u && 'a' < 'b' || false", json!(true)),
        ("1 < 1.5 && 2 >= 2u", json!(true)),
        ("self.n == 3.0 && self.n in self.l && 'a' in self.m", json!(true)),
        ("1 / 0", json!("error: division by zero")),
        ("9223372036854775807 + 1", json!("error: integer overflow")),
        ("true ? 1 : 2", json!(1)),
        ("self.missing == 1 || true", json!(true)),
        ("self.missing == 1 && false", json!(false)),
        ("self.missing == 1 || false", json!("error: no such key: missing")),
        ("!(1 == 2) && self.z == null", json!(true)),
        ("self.l[1] == 1 && self.m['b'] == 2", json!(true)),
        ("self.l[7]", json!("error: index out of bounds: 7")),
        ("self.m.c", json!("error: no such key: c")),
        ("self.n.x", json!("error: no such overload")),
        ("{'a': dyn(1)} == {'a': dyn(1.0)}", json!(true)),
        ("[1, 2] == [1, 3]", json!(false)),
        ("type(1) == int && type('a') == string && type([]) == list", json!(true)),
        ("type(timestamp('2024-01-01T00:00:00Z')) == google.protobuf.Timestamp", json!(true)),
    ]);
}

#[test]
fn macros() {
    check(&[
        ("has(self.m.a) && !has(self.m.c) && has(self.z)", json!(true)),
        ("self.l.all(x, x > 0) && self.l.exists(x, x == 2)", json!(true)),
        ("self.l.exists_one(x, x > 2) && !self.l.existsOne(x, x > 1)", json!(true)),
        ("self.l.map(x, x * 2)", json!([6, 2, 4])),
        ("self.l.map(x, x > 1, x * 2)", json!([6, 4])),
        ("self.l.filter(x, x > 1)", json!([3, 2])),
        ("self.m.all(k, k in ['a', 'b'])", json!(true)),
        ("self.m.map(k, self.m[k])", json!([1, 2])),
        ("self.l.all(i, v, i < 3 && v > 0)", json!(true)),
        ("self.m.exists(k, v, k == 'b' && v == 2)", json!(true)),
        ("self.l.transformList(i, v, i * v)", json!([0, 1, 4])),
        ("self.m.transformMap(k, v, v > 1, v * 10)", json!({"b": 20})),
        ("self.m.transformMapEntry(k, v, {k + 'x': v})", json!({"ax": 1, "bx": 2})),
        ("[1, 0].exists(x, 1 / x > 0)", json!(true)),
        ("[0, 1].all(x, 1 / x > 5)", json!(false)),
        ("[[1, 2], [3]].map(x, x.map(y, y + x.size()))", json!([[3, 4], [4]])),
    ]);
}

#[test]
fn optionals() {
    check(&[
        ("self.?o.?x.?y.orValue('none')", json!("deep")),
        ("self.?o.?q.?y.orValue('none')", json!("none")),
        ("self.o.?q.y.hasValue()", json!(false)),
        ("self.m[?'a'].value()", json!(1)),
        ("self.?o['x'].?y.orValue('') + self.?no['x'].orValue('-')", json!("deep-")),
        ("self.l[?9].or(optional.of(5)).value()", json!(5)),
        ("optional.none().orValue(1)", json!(1)),
        ("optional.ofNonZeroValue('').hasValue()", json!(false)),
        ("[?optional.none(), 1, ?optional.of(2)]", json!([1, 2])),
        ("{?'a': self.?nope, 'b': 1}", json!({"b": 1})),
        ("self.?n.optMap(x, x + 1).value()", json!(4)),
        ("self.?nope.optMap(x, x + 1).hasValue()", json!(false)),
        ("self.?n.optFlatMap(x, optional.of(x)).value()", json!(3)),
        ("[].first().hasValue() || [1].last().value() == 1", json!(true)),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("self.s.size() == 5 && size('日本') == 2", json!(true)),
        ("self.s.startsWith('hé') && self.s.endsWith('o') && self.s.contains('l')", json!(true)),
        ("self.s.charAt(1)", json!("é")),
        ("self.s.charAt(5)", json!("")),
        ("self.s.charAt(6)", json!("error: index out of range: 6")),
        ("self.s.indexOf('l') * 10 + self.s.lastIndexOf('l')", json!(23)),
        ("self.s.substring(1, 3) + self.s.substring(4)", json!("élo")),
        ("'a,b,c'.split(',')", json!(["a", "b", "c"])),
        ("'a,b,c'.split(',', 2)", json!(["a", "b,c"])),
        ("'abc'.split('')", json!(["a", "b", "c"])),
        ("['a', 'b'].join('-') + ['c'].join()", json!("a-bc")),
        ("'aXbX'.replace('X', '') + 'aaa'.replace('a', 'b', 2)", json!("abbba")),
        ("' A b '.trim().lowerAscii().upperAscii().reverse()", json!("B A")),
        ("strings.quote('a\"\\n')", json!("\"a\\\"\\n\"")),
        ("'foo123bar'.matches('[0-9]+') && !matches('x', '^y$')", json!(true)),
        ("'a1b22'.find('[0-9]+') + 'a1b22'.findAll('[0-9]+').join(',')", json!("11,22")),
        (
            "'%s is %d, %.2f %x %e %b'.format([dyn('a'), 3, 1.5, 255, 1200.0, 5])",
            json!("a is 3, 1.50 ff 1.200000e+03 101"),
        ),
        ("'%s'.format([[dyn(1), 'a', {'k': true}]])", json!("[1, a, {k: true}]")),
        ("jsonpatch.escapeKey('a/b~c')", json!("a~1b~0c")),
    ]);
}

#[test]
fn lists_and_sets() {
    check(&[
        ("self.l.sum() + self.l.min() * 10 + self.l.max() * 100", json!(316)),
        ("self.l.isSorted() || [1, 2].isSorted()", json!(true)),
        ("self.l.sort()", json!([1, 2, 3])),
        ("self.l.indexOf(2) * 10 + self.l.lastIndexOf(9)", json!(19)),
        ("[1, 1, 2].distinct() + [3, 4].reverse()", json!([1, 2, 4, 3])),
        ("[1, 2, 3].slice(1, 2) + [[4], [5]].flatten()", json!([2, 4, 5])),
        ("lists.range(3)", json!([0, 1, 2])),
        ("sets.contains([1, 2], [2]) && sets.intersects([1], [1, 3])", json!(true)),
        ("sets.equivalent([1, 2, 1], [2, 1])", json!(true)),
        ("[].min()", json!("error: min called on empty list")),
    ]);
}

#[test]
fn quantities_versions_addresses_and_urls() {
    check(&[
        ("quantity('1Gi').isGreaterThan(quantity('500Mi')) && isQuantity('1k')", json!(true)),
        ("quantity('1.5').add(quantity('500m')).asInteger()", json!(2)),
        ("quantity('2k').sub(500).compareTo(quantity('1.5k'))", json!(0)),
        ("isQuantity('banana') || quantity('0').sign() != 0", json!(false)),
        (
            "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.2.3').minor() == 2",
            json!(true),
        ),
        ("isSemver('v1.0') || !isSemver('v1.0', true)", json!(false)),
        ("ip('10.0.0.1').family() == 4 && isIP('::1') && ip('::1').isLoopback()", json!(true)),
        (
            "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.1/8').masked().prefixLength() == 8",
            json!(true),
        ),
        (
            "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && string(ip('1.2.3.4')) == '1.2.3.4'",
            json!(true),
        ),
        ("isIP('1.2.3') || isCIDR('1.2.3.4') || !ip.isCanonical('1.2.3.4')", json!(false)),
        (
            "url('https://a.b:80/c%20d?k=v').getHost() + url('https://a.b:80/c%20d?k=v').getEscapedPath()",
            json!("a.b:80/c%20d"),
        ),
        ("url('https://a/?k=v&k=w').getQuery()['k']", json!(["v", "w"])),
        ("isURL('nope')", json!(false)),
        ("format.dns1123Label().validate('a-b').hasValue()", json!(false)),
        ("format.named('uuid').value().validate('x').value().size()", json!(1)),
    ]);
}

#[test]
fn times() {
    check(&[
        ("duration('1h') + duration('30m') == duration('90m')", json!(true)),
        ("timestamp('2024-01-31T10:20:30Z').getFullYear()", json!(2024)),
        ("timestamp('2024-01-31T10:20:30Z').getHours('America/New_York')", json!(5)),
        ("timestamp('2024-01-31T10:20:30Z').getMonth()", json!(0)),
        (
            "timestamp('2024-01-01T00:00:00Z') + duration('1h') > timestamp('2024-01-01T00:30:00Z')",
            json!(true),
        ),
        ("duration('90m').getHours()", json!(1)),
        (
            "string(duration('90m')) + string(timestamp('2024-01-01T00:00:00Z'))",
            json!("5400s2024-01-01T00:00:00Z"),
        ),
        ("int('12') + int(3.9) + int(2u)", json!(17)),
        ("double('1.5') + double(1)", json!(2.5)),
        ("string(1.0) + string(1e100) + string(true)", json!("11e+100true")),
        ("bool('true') && uint('3') == 3u", json!(true)),
        ("int('x')", json!("error: type conversion error from 'string' to 'int'")),
    ]);
}

#[test]
fn a_schema_says_how_trees_are_read() {
    let record = Record::new(
        "self",
        [
            ("when".to_owned(), Type::Timestamp),
            ("wait".to_owned(), Type::Duration),
            ("namespace".to_owned(), Type::STRING),
            ("a-b".to_owned(), Type::Int),
            ("ratio".to_owned(), Type::Double),
            ("raw".to_owned(), Type::BYTES),
        ],
    );
    let ty = Type::Object(Arc::new(record));
    let env = Env::new().variable("self", ty.clone());
    let tree = json!({"when": "2024-01-01T00:00:00Z", "wait": "1m", "namespace": "n", "a-b": 1,
        "ratio": 2, "raw": "aGk="});
    for source in [
        "self.when < timestamp('2025-01-01T00:00:00Z')",
        "self.wait == duration('60s')",
        "self.__namespace__ == 'n' && has(self.a__dash__b) && self.a__dash__b == 1",
        "type(self.ratio) == double",
        "self.raw == b'hi'",
    ] {
        let program = env.compile(source).unwrap_or_else(|error| panic!("{error}"));
        let value = Value::typed(&tree, &ty).unwrap();
        let value = program.evaluate(&[("self", value)], &mut Budget::default());
        assert_eq!(value.unwrap().as_bool(), Some(true), "{source}");
    }
}

#[derive(Debug)]
struct OnlyGet;

impl Answers for OnlyGet {
    fn answer(&self, question: &Question) -> Option<Answer> {
        (question.verb != "watch").then(|| Answer {
            allowed: question.verb == "get" && question.resource == "pods",
            reason: question.service_account.clone().map_or(String::new(), |(_, name)| name),
            error: None,
        })
    }
}

#[test]
fn the_authorizer_is_asked_and_an_unknown_answer_ends_the_evaluation() {
    let check = Type::Opaque(orchestrator_cel::Opaque::Authorizer);
    let env = Env::new().variable("authorizer", check);
    let eval = |source: &str| {
        let program = env.compile(source).unwrap();
        let variables = [("authorizer", Value::authorizer())];
        let value = program.evaluate_with(&variables, &mut Budget::new(5_000_000), &OnlyGet);
        value.map(|value| value.to_json().unwrap())
    };
    let pods = "authorizer.group('').resource('pods').namespace('n')";
    assert_eq!(eval(&format!("{pods}.check('get').allowed()")), Ok(json!(true)));
    assert_eq!(eval(&format!("{pods}.check('list').allowed()")), Ok(json!(false)));
    let account = "authorizer.serviceAccount('n', 'sa').path('/x').check('get').reason()";
    assert_eq!(eval(account), Ok(json!("sa")));
    let open = eval(&format!("true || {pods}.check('watch').allowed()"));
    assert_eq!(open, Ok(json!(true)));
    let open = eval(&format!("{pods}.check('watch').allowed() || true"));
    assert!(matches!(open, Err(EvalError::Unanswered(question)) if question.verb == "watch"));
}
