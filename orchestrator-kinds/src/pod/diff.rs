//! The difference between two trees, as messages show it: a unified diff of both in the server's
//! own spelling, with capitalised names, one value a line.

use std::fmt::Write as _;

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use crate::fields::Fields;

/// Lines around a change that are shown too.
const CONTEXT: usize = 3;
/// How many lines of a diff are shown.
const LINES_MAX: usize = 200;

/// The fields of a container in the order of the server's own type; the rest follows sorted.
pub const CONTAINER: &[&str] = &[
    "name",
    "image",
    "command",
    "args",
    "workingDir",
    "ports",
    "envFrom",
    "env",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "volumeMounts",
    "volumeDevices",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "securityContext",
    "stdin",
    "stdinOnce",
    "tty",
    "targetContainerName",
];

/// The fields of a claim's spec in the order of the server's own type.
pub const CLAIM: &[&str] = &[
    "accessModes",
    "selector",
    "resources",
    "volumeName",
    "storageClassName",
    "volumeMode",
    "dataSource",
    "dataSourceRef",
    "volumeAttributesClassName",
];

/// The unified diff of two trees; `order` says in which order the fields of the trees come, and
/// those of it that are missing are shown as null.
pub fn lines(old: &Json, new: &Json, order: &[&str]) -> String {
    let (old, new) = (pretty(old, order), pretty(new, order));
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
    let from = head.saturating_sub(CONTEXT);
    let upto = |lines: &[&str]| (lines.len() - tail + CONTEXT).min(lines.len());
    let (old_end, new_end) = (upto(&old), upto(&new));
    let mut out = String::new();
    writeln!(out, "@@ -{},{} +{},{} @@", from + 1, old_end - from, from + 1, new_end - from)
        .expect("a string takes all");
    let groups = [
        (' ', &old[from..head]),
        ('-', &old[head..old.len() - tail]),
        ('+', &new[head..new.len() - tail]),
        (' ', &old[old.len() - tail..old_end]),
    ];
    let shown = groups.iter().flat_map(|(sign, lines)| lines.iter().map(move |l| (*sign, *l)));
    for (sign, line) in shown.take(LINES_MAX) {
        writeln!(out, "{sign}{line}").expect("a string takes all");
    }
    out
}

fn pretty(tree: &Json, order: &[&str]) -> String {
    let mut out = String::new();
    match tree.as_object() {
        Some(map) => write_map(map, order, 0, &mut out),
        None => write_value(tree, 0, &mut out),
    }
    out
}

fn capital(name: &str) -> String {
    match name {
        "tty" => "TTY".into(),
        _ => {
            let (first, rest) = name.split_at(name.len().min(1));
            first.to_uppercase() + rest
        }
    }
}

fn write_map(map: &Map, order: &[&str], depth: usize, out: &mut String) {
    let known = order.iter().map(|name| (*name, map.sub(name)));
    let rest = map.iter().filter(|(name, _)| !order.contains(&name.as_str()));
    let fields = known.chain(rest.map(|(name, value)| (name.as_str(), value)));
    out.push('{');
    for (i, (name, value)) in fields.enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let indent = " ".repeat(depth + 1);
        write!(out, "{comma}\n{indent}\"{}\": ", capital(name)).expect("a string takes all");
        write_value(value, depth + 1, out);
    }
    let indent = " ".repeat(depth);
    write!(out, "\n{indent}}}").expect("a string takes all");
}

fn write_value(value: &Json, depth: usize, out: &mut String) {
    match value {
        Json::Object(map) => write_map(map, &[], depth, out),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                write!(out, "{comma}\n{}", " ".repeat(depth + 1)).expect("a string takes all");
                write_value(item, depth + 1, out);
            }
            write!(out, "\n{}]", " ".repeat(depth)).expect("a string takes all");
        }
        plain => write!(out, "{plain}").expect("a string takes all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        let old = json!({"name": "dbg", "image": "i", "command": ["sh"]});
        let new = json!({"name": "dbg", "image": "other", "command": ["sh"]});
        let wanted = "@@ -1,6 +1,6 @@\n {\n  \"Name\": \"dbg\",\n- \"Image\": \"i\",\n+ \"Image\": \
                      \"other\",\n  \"Command\": [\n   \"sh\"\n  ],\n";
        assert_eq!(lines(&old, &new, CONTAINER), wanted);
    }

    #[test]
    fn what_comes_and_goes_is_shown() {
        let text = lines(&json!({"a": 1}), &json!({"a": 1, "b": {"c": []}}), &[]);
        assert!(text.contains("+ \"B\": {"), "{text}");
    }
}
