//! The difference between two trees, for messages that say what may not change.

use std::fmt::Write as _;

use orchestrator_core::Json;

/// How many differing values are named.
const LINES_MAX: usize = 20;

/// Lines that name each differing value: path, what was, what is wanted.
pub fn lines(old: &Json, new: &Json) -> String {
    let mut out = String::new();
    let mut left = LINES_MAX;
    walk(old, new, "", &mut out, &mut left);
    out
}

fn walk(old: &Json, new: &Json, path: &str, out: &mut String, left: &mut usize) {
    if old == new || *left == 0 {
        return;
    }
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let side = |map: &orchestrator_core::object::Map| {
                    map.get(key).cloned().unwrap_or(Json::Null)
                };
                walk(&side(old), &side(new), &format!("{path}.{key}"), out, left);
            }
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            for (i, (old, new)) in old.iter().zip(new).enumerate() {
                walk(old, new, &format!("{path}[{i}]"), out, left);
            }
        }
        _ => {
            *left -= 1;
            writeln!(out, "-{path}: {old}\n+{path}: {new}").expect("a string takes all");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_named() {
        let text = lines(&json!({"a": 1, "b": [1, 2]}), &json!({"a": 1, "b": [1, 3], "c": {}}));
        assert_eq!(text, "-.b[1]: 2\n+.b[1]: 3\n-.c: null\n+.c: {}\n");
    }
}
