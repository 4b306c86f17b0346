use proptest::prelude::*;
use serde_json::json;

use super::*;

fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
    let labels: BTreeMap<_, _> =
        labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let selector: LabelSelector = selector.parse().unwrap();
    let json: Map = labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    assert_eq!(selector.matches(&labels), selector.matches_json(Some(&json)));
    selector.matches(&labels)
}

#[test]
fn each_operator_selects_as_the_server_does() {
    let web = &[("app", "web"), ("num", "7")];
    for selector in [
        "",
        "app=web",
        "app==web",
        "app in (web,db)",
        "app in (web , db)",
        "app",
        "!old",
        "app!=db",
        "old!=x",
        "app notin (db)",
        "old notin (x)",
        "num>6",
        "num<8",
        "app = web , num",
        "app,!old",
    ] {
        assert!(matches(selector, web), "{selector:?}");
    }
    for selector in [
        "app=db",
        "app in (db)",
        "old",
        "!app",
        "app!=web",
        "app notin (web)",
        "num>7",
        "num<7",
        "app>1",
        "old>1",
        "app=",
        "app in ()",
        "app=web,app=db",
    ] {
        assert!(!matches(selector, web), "{selector:?}");
    }
    assert!(matches("app=", &[("app", "")]));
    assert!(matches("app in ()", &[("app", "")]));
    assert!(matches("app in (a,,b)", &[("app", "")]));
}

#[test]
fn malformed_selectors_are_refused_in_the_servers_words() {
    let long = format!("k={}", "a".repeat(64));
    let long_error = format!(
        "unable to parse requirement: values[0][k]: Invalid value: {:?}: must be no more than 63 bytes",
        "a".repeat(64)
    );
    let cases = [
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("=x", "found '=', expected: !, identifier, or 'end of string'"),
        ("app=web,", "found '', expected: identifier after ','"),
        (
            "app>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, \
             the value must be an integer",
        ),
        (
            "in (a)",
            "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("app in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        (&long, &long_error),
    ];
    for (text, wanted) in cases {
        assert_eq!(text.parse::<LabelSelector>().unwrap_err().to_string(), wanted, "{text:?}");
    }
    let key = "-a=b".parse::<LabelSelector>().unwrap_err().to_string();
    assert!(
        key.starts_with("unable to parse requirement: <nil>: Invalid value: \"-a\": name part")
    );
    assert!("a,".repeat(MAX_BYTES).parse::<LabelSelector>().is_err());
}

#[test]
fn the_printed_form_is_canonical() {
    for (text, wanted) in [
        ("b,a", "a,b"),
        ("x in (b, a,b)", "x in (a,b)"),
        ("x  notin(a)", "x notin (a)"),
        ("x==1,y!=2,!z,w>3,v<4", "v<4,w>3,x==1,y!=2,!z"),
        ("in,notin", "in,notin"),
    ] {
        let selector: LabelSelector = text.parse().unwrap();
        assert_eq!(selector.to_string(), wanted);
        assert_eq!(wanted.parse::<LabelSelector>().unwrap(), selector);
    }
}

#[test]
fn selector_objects_become_requirements() {
    let read = |value: Json| LabelSelector::from_json(Some(&value));
    let selector = read(json!({"matchLabels": {"b": "1"}, "matchExpressions": [
        {"key": "a", "operator": "In", "values": ["y", "x"]}, {"key": "c", "operator": "Exists"}]}));
    assert_eq!(selector.unwrap().to_string(), "a in (x,y),b=1,c");
    assert!(read(json!({})).unwrap().is_everything());
    let nothing = LabelSelector::from_json(None).unwrap();
    assert!(!nothing.matches(&BTreeMap::new()) && !nothing.is_everything());
    let bad = read(json!({"matchExpressions": [{"key": "a", "operator": "X"}]})).unwrap_err();
    assert_eq!(bad.to_string(), "\"X\" is not a valid label selector operator");
    assert!(read(json!({"matchExpressions": [{"key": "a", "operator": "In"}]})).is_err());
    assert!(read(json!([1])).is_err());
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_and_prints_stably(text in "[a-c0-9=!<>(), intom./-]{0,40}") {
        if let Ok(selector) = text.parse::<LabelSelector>() {
            let printed = selector.to_string();
            prop_assert_eq!(printed.parse::<LabelSelector>().unwrap(), selector);
        }
    }

    #[test]
    fn negations_are_complements(key in "[a-c]", values in prop::collection::vec("[x-z]", 1..3),
        labels in prop::collection::btree_map("[a-c]", "[x-z]", 0..3)) {
        let selects = |operator| {
            let requirement = Requirement::new(&key, operator, values.clone()).unwrap();
            LabelSelector::new([requirement]).matches(&labels)
        };
        prop_assert_ne!(selects(Operator::In), selects(Operator::NotIn));
    }
}
