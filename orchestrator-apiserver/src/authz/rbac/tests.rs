use orchestrator_core::object::Object;
use proptest::prelude::*;
use serde_json::json;

use super::super::follow::Image;
use super::super::{ResourceTarget, Target};
use super::*;

/// The index of some roles and bindings in short: `role ns/name verbs groups resources`,
/// `bind ns/name role-kind role subject`, where no namespace stands for the cluster.
fn index(lines: &str) -> Index {
    let mut index = Index::default();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let cluster = !words[1].contains('/');
        match words[0] {
            "role" => {
                let texts = |word: &str| -> Vec<String> {
                    word.split(',').map(|text| text.replace("core", "")).collect()
                };
                let rule = json!({"verbs": texts(words[2]), "apiGroups": texts(words[3]),
                    "resources": texts(words[4])});
                put(&mut index, usize::from(!cluster), words[1], json!({"rules": [rule]}));
            }
            _ => {
                let (kind, name) = words[4].split_once(':').unwrap();
                let (namespace, name) = name.split_once('/').unwrap_or(("", name));
                let subject = json!({"kind": kind, "name": name, "namespace": namespace});
                let role = json!({"kind": words[2], "name": words[3]});
                let binding = json!({"roleRef": role, "subjects": [subject]});
                put(&mut index, 3 - usize::from(cluster), words[1], binding);
            }
        }
    }
    index
}

fn put(index: &mut Index, which: usize, key: &str, object: orchestrator_core::Json) {
    let object: Object = serde_json::from_value(object).unwrap();
    index.put(which, key, &object);
}

fn ask(index: &Index, user: &UserInfo, verb: &str, resource: &str, namespace: &str) -> Decision {
    let to = ResourceTarget { resource, namespace, ..ResourceTarget::default() };
    decide(index, Attributes { user, verb, target: Target::Resource(to) })
}

const ROLES: &str = "
    role reader get,list core pods
    role n/writer update core pods
    bind everywhere ClusterRole reader User:ann
    bind n/here ClusterRole reader Group:dev
    bind n/own Role writer ServiceAccount:n/bot
    bind n/gone Role lost User:tom
";

#[test]
fn a_right_is_told_with_its_source() {
    let index = index(ROLES);
    let (ann, dev) = (UserInfo::new("ann", ["ops"]), UserInfo::new("eve", ["dev"]));
    let bot = UserInfo::new("system:serviceaccount:n:bot", ["system:serviceaccounts"]);
    let tom = UserInfo::new("tom", Vec::<String>::new());
    for (user, verb, namespace, wanted) in [
        (
            &ann,
            "get",
            "x",
            r#"ClusterRoleBinding "everywhere" of ClusterRole "reader" to User "ann""#,
        ),
        (
            &ann,
            "get",
            "",
            r#"ClusterRoleBinding "everywhere" of ClusterRole "reader" to User "ann""#,
        ),
        (&dev, "list", "n", r#"RoleBinding "here/n" of ClusterRole "reader" to Group "dev""#),
        (&bot, "update", "n", r#"RoleBinding "own/n" of Role "writer" to ServiceAccount "bot/n""#),
    ] {
        let wanted = Decision::Allow(format!("RBAC: allowed by {wanted}"));
        assert_eq!(ask(&index, user, verb, "pods", namespace), wanted);
    }
    for (user, verb, namespace, wanted) in [
        (&ann, "update", "n", ""),
        (&dev, "list", "x", ""),
        (&dev, "list", "", ""),
        (&bot, "update", "x", ""),
        (&tom, "get", "n", r#"RBAC: role.rbac.authorization.k8s.io "lost" not found"#),
    ] {
        let wanted = Decision::NoOpinion(wanted.into());
        assert_eq!(ask(&index, user, verb, "pods", namespace), wanted, "{} {verb}", user.name);
    }
}

#[test]
fn a_binding_that_changes_or_goes_takes_its_right_with_it() {
    let mut index = index(ROLES);
    let ann = UserInfo::new("ann", ["ops"]);
    assert!(ask(&index, &ann, "get", "pods", "").is_allowed());
    let other = json!({"roleRef": {"kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "User", "name": "bob"}]});
    put(&mut index, 2, "everywhere", other);
    assert!(!ask(&index, &ann, "get", "pods", "").is_allowed());
    let bob = UserInfo::new("bob", ["ops"]);
    assert!(ask(&index, &bob, "get", "pods", "").is_allowed());
    index.remove(2, "everywhere");
    assert!(!ask(&index, &bob, "get", "pods", "").is_allowed());
}

#[test]
fn what_is_missing_is_told_in_short_rules() {
    let rule = |verbs: &[&str], resources: &[&str], names: &[&str]| Rule {
        verbs: verbs.iter().map(|v| (*v).into()).collect(),
        api_groups: vec![String::new()],
        resources: resources.iter().map(|r| (*r).into()).collect(),
        resource_names: names.iter().map(|n| (*n).into()).collect(),
        ..Rule::default()
    };
    let held = [rule(&["get"], &["pods", "*/scale"], &[]), rule(&["list"], &["nodes"], &["a"])];
    let wanted = [
        rule(&["get", "list", "watch"], &["pods"], &[]),
        rule(&["get"], &["deployments/scale", "secrets"], &[]),
        rule(&["list"], &["nodes"], &["a", "b"]),
    ];
    assert_eq!(
        missing(&held, &wanted),
        [
            r#"{APIGroups:[""], Resources:["nodes"], ResourceNames:["b"], Verbs:["list"]}"#,
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}"#,
            r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#,
        ]
    );
    assert!(missing(&Rule::everything(), &wanted).is_empty());
}

fn words(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(of).prop_map(str::to_owned), 1..3)
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let names = prop::collection::vec("[ab]", 0..3);
    let objects = (
        words(&["get", "list", "*"]),
        words(&["", "apps", "*"]),
        words(&["pods", "pods/log", "*/log", "nodes", "*"]),
        names,
    );
    let objects = objects.prop_map(|(verbs, api_groups, resources, resource_names)| Rule {
        verbs,
        api_groups,
        resources,
        resource_names,
        paths: Vec::new(),
    });
    let paths = (words(&["get", "*"]), words(&["/a", "/a/*", "/b*", "*"]));
    let paths = paths.prop_map(|(verbs, paths)| Rule { verbs, paths, ..Rule::default() });
    prop_oneof![3 => objects, 1 => paths]
}

/// Every request that the rules above can be about, and some more.
fn questions() -> Vec<(&'static str, Target<'static>)> {
    let mut all = Vec::new();
    for verb in ["get", "list", "frob"] {
        for (group, resource, subresource) in [
            ("", "pods", ""),
            ("", "pods", "log"),
            ("apps", "pods", "log"),
            ("", "nodes", ""),
            ("other", "nodes", "log"),
        ] {
            for name in ["", "a", "b", "c"] {
                let to = ResourceTarget {
                    group,
                    resource,
                    subresource,
                    name,
                    ..ResourceTarget::default()
                };
                all.push((verb, Target::Resource(to)));
            }
        }
        all.extend(["/a", "/a/x", "/bc", "/c"].map(|path| (verb, Target::Path(path))));
    }
    all
}

fn allowed(rules: &[Rule], verb: &str, target: Target<'_>) -> bool {
    let user = UserInfo::anonymous();
    rules.iter().any(|rule| rule.allows(Attributes { user: &user, verb, target }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_rule_more_never_takes_a_right_away(
        rules in prop::collection::vec(any_rule(), 0..4),
        more in any_rule(),
        at in 0_usize..5,
    ) {
        let mut with = rules.clone();
        with.insert(at.min(rules.len()), more);
        for (verb, target) in questions() {
            if allowed(&rules, verb, target) {
                prop_assert!(allowed(&with, verb, target), "{verb} {target:?}");
            }
        }
    }

    #[test]
    fn who_holds_all_that_is_wanted_may_do_all_of_it(
        held in prop::collection::vec(any_rule(), 0..4),
        wanted in prop::collection::vec(any_rule(), 0..3),
    ) {
        prop_assert!(missing(&wanted, &wanted).is_empty());
        if missing(&held, &wanted).is_empty() {
            for (verb, target) in questions() {
                if allowed(&wanted, verb, target) {
                    prop_assert!(allowed(&held, verb, target), "{verb} {target:?}");
                }
            }
        }
        let both: Vec<_> = held.iter().chain(&wanted).cloned().collect();
        prop_assert!(missing(&both, &wanted).is_empty());
    }
}
