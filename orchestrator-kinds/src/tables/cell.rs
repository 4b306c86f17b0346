//! The small words that cells are made of.

use orchestrator_core::object::{Key, Map};
use orchestrator_core::{Json, Object};

/// What stands for nothing.
pub(super) const NONE: &str = "<none>";

/// What stands for a choice that nobody made.
pub(super) const UNSET: &str = "<unset>";

/// The name.
pub(super) fn name(object: &Object) -> Json {
    object.name().into()
}

/// The text at `path`, or `missing`.
pub(super) fn text_or(object: &Object, path: &[&str], missing: &str) -> Json {
    match object.text_at(path) {
        "" => missing.into(),
        text => text.into(),
    }
}

/// The number at `path`, or 0.
pub(super) fn number(object: &Object, path: &[&str]) -> i64 {
    object.int_at(path).unwrap_or(0)
}

/// The truth at `path`, or `missing`.
pub(super) fn truth(object: &Object, path: &[&str], missing: bool) -> bool {
    object.at(path).and_then(Json::as_bool).unwrap_or(missing)
}

/// The items of the list at `path`.
pub(super) fn list<'a>(object: &'a Object, path: &[&str]) -> impl Iterator<Item = &'a Json> {
    items(object.at(path))
}

/// The items of a list.
pub(super) fn items(list: Option<&Json>) -> impl Iterator<Item = &Json> {
    list.and_then(Json::as_array).into_iter().flatten()
}

/// The text of a field.
pub(super) fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// The map at `path` as `a=b,c=d`, or `<none>`.
pub(super) fn pairs(object: &Object, path: &[&str]) -> String {
    format_pairs(object.at(path).and_then(Json::as_object))
}

/// A map as `a=b,c=d`, or `<none>`.
pub(super) fn format_pairs(map: Option<&Map>) -> String {
    let pair =
        |(key, value): (&Key, &Json)| format!("{key}={}", value.as_str().unwrap_or_default());
    or_none(map.into_iter().flatten().map(pair).collect::<Vec<_>>().join(","))
}

/// `text`, or `<none>` where it is empty.
pub(super) fn or_none(text: String) -> String {
    if text.is_empty() { NONE.into() } else { text }
}

/// A label selector with `matchLabels` and `matchExpressions`, or `<none>`.
pub(super) fn selector(selector: Option<&Json>) -> String {
    let labels = selector.and_then(|s| s.get("matchLabels")?.as_object());
    let mut parts: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    parts.extend(items(selector.and_then(|s| s.get("matchExpressions"))).map(requirement));
    or_none(parts.join(","))
}

fn requirement(expression: &Json) -> String {
    let key = text(expression, "key");
    let values: Vec<&str> = items(expression.get("values")).filter_map(Json::as_str).collect();
    match text(expression, "operator") {
        "In" => format!("{key} in ({})", values.join(",")),
        "NotIn" => format!("{key} notin ({})", values.join(",")),
        "DoesNotExist" => format!("!{key}"),
        _ => key.to_owned(),
    }
}

/// Names and images of the containers of a pod template.
pub(super) fn containers(object: &Object, path: &[&str]) -> [Json; 2] {
    let joined =
        |field: &str| list(object, path).map(|c| text(c, field)).collect::<Vec<_>>().join(",");
    [joined("name").into(), joined("image").into()]
}

/// The first `max` of `parts`, and how many more there are.
pub(super) fn shortened(parts: &[String], max: usize) -> String {
    match parts.len().checked_sub(max).filter(|more| *more > 0) {
        Some(more) => format!("{} + {more} more...", parts[..max].join(",")),
        None => parts.join(","),
    }
}

/// Access modes in their short forms.
pub(super) fn access_modes(object: &Object, path: &[&str]) -> String {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let modes: Vec<&str> = list(object, path).filter_map(Json::as_str).collect();
    let present = SHORT.iter().filter(|(long, _)| modes.contains(long));
    present.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// The condition of type `kind`.
pub(super) fn condition<'a>(object: &'a Object, kind: &str) -> Option<&'a Json> {
    list(object, &["status", "conditions"]).find(|condition| text(condition, "type") == kind)
}
