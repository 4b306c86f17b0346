//! Recorded requests and answers: defaults and the causes of refusals.

use orchestrator_core::field::{FieldError, FieldErrors};
use orchestrator_core::object::is_empty;
use orchestrator_core::{Json, Object, Verb};

use crate::harness::{Score, Server, Target, lines, merge};

/// How many recorded creations come out exactly; it only ever rises.
const DEFAULTS_FLOOR: usize = 199;
/// How many recorded refusals come out with exactly the same causes; it only ever rises.
const CAUSES_FLOOR: usize = 549;

/// Fields that the server fills in by other means: allocation and admission.
const NOT_OURS: [&str; 8] = [
    "metadata.finalizers",
    "spec.taints",
    "spec.serviceAccountName",
    "spec.serviceAccount",
    "spec.priority",
    "spec.priorityClassName",
    "spec.preemptionPolicy",
    "spec.tolerations",
];

fn is_placeholder(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('<') && text.contains('>'),
        Json::Array(items) => !items.is_empty() && items.iter().all(is_placeholder),
        _ => false,
    }
}

fn differences(want: &Json, got: &Json, path: &str, out: &mut Vec<String>) {
    if NOT_OURS.contains(&path) || is_placeholder(want) {
        return;
    }
    match (want, got) {
        (Json::Object(want), Json::Object(got)) => {
            let below = |key: &str| match path {
                "" => key.to_owned(),
                _ => format!("{path}.{key}"),
            };
            for (key, value) in want {
                match got.get(key) {
                    Some(got) => differences(value, got, &below(key), out),
                    None if NOT_OURS.contains(&&*below(key)) || is_placeholder(value) => {}
                    None => out.push(format!("{}: missing, want {value}", below(key))),
                }
            }
            for (key, value) in got.iter().filter(|(key, _)| !want.contains_key(key)) {
                if !NOT_OURS.contains(&&*below(key)) {
                    out.push(format!("{}: not wanted, got {value}", below(key)));
                }
            }
        }
        (Json::Array(want), Json::Array(got)) if want.len() == got.len() => {
            for (i, (want, got)) in want.iter().zip(got).enumerate() {
                differences(want, got, &format!("{path}[{i}]"), out);
            }
        }
        _ if want == got => {}
        _ => out.push(format!("{path}: want {want}, got {got}")),
    }
}

#[test]
fn new_objects_are_filled_in_as_recorded() {
    let Some(lines) = lines("defaults.jsonl") else { return };
    let (server, mut score) = (Server::new(), Score::default());
    for line in lines {
        let path = line["path"].as_str().unwrap();
        let Some(target) = server.target(path) else { continue };
        let admitted = line.get("setup").is_some_and(|setup| !is_empty(setup));
        if admitted || !target.subresource.is_empty() || target.def.verbs.len() < 2 {
            continue;
        }
        let mut out = Vec::new();
        match server.create(&target, &line["request"]) {
            Some((object, errors)) => {
                let mut got = object.clone().into_json();
                got["metadata"].as_object_mut().unwrap().remove("uid");
                differences(&line["result"], &got, "", &mut out);
                out.extend(errors.iter().map(|error| format!("error {error}")));
                check_warnings(&server, &target, &object, &line, &mut out);
            }
            None => out.push("cannot be decoded".into()),
        }
        score.count(&target.def.gvr.to_string(), out.is_empty());
        if !out.is_empty() {
            score.explain(&format!("{}\n    {}", line["id"], out.join("\n    ")));
        }
    }
    score.print("defaults");
    assert!(score.total().0 >= DEFAULTS_FLOOR, "{:?}", score.total());
}

fn check_warnings(
    server: &Server,
    target: &Target<'_>,
    object: &Object,
    line: &Json,
    out: &mut Vec<String>,
) {
    let wanted: Vec<&str> = line["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .filter(|warning| {
            !warning.starts_with("unknown field")
                && !warning.starts_with("duplicate field")
                && !warning.starts_with("would violate")
        })
        .collect();
    let old = target.def.deprecation.iter().map(ToString::to_string);
    let got: Vec<String> = old.chain(server.warnings(target, object)).collect();
    if got != wanted {
        out.push(format!("warnings: want {wanted:?}, got {got:?}"));
    }
}

/// The part of a message that is compared: a dump of the object behind it is not.
fn comparable(message: &str) -> &str {
    let dump = ["\n", "\"{"].iter().filter_map(|sign| message.find(sign)).min();
    dump.map_or(message, |at| &message[..at])
}

fn same_causes(want: &[Json], got: &[FieldError]) -> bool {
    let mut want: Vec<(String, String, String)> = want
        .iter()
        .map(|cause| {
            let text = |name: &str| cause[name].as_str().unwrap_or_default();
            let message = comparable(text("message")).to_owned();
            (text("field").to_owned(), text("reason").to_owned(), message)
        })
        .collect();
    let mut got: Vec<_> = got
        .iter()
        .map(|error| {
            let message = comparable(&error.message).to_owned();
            (error.field.clone(), error.kind.reason().to_owned(), message)
        })
        .collect();
    // Causes that name keys of a map come in any order.
    if want != got {
        want.sort();
        got.sort();
    }
    want.len() == got.len()
        && want
            .iter()
            .zip(&got)
            .all(|(want, got)| want.0 == got.0 && want.1 == got.1 && same_text(&want.2, &got.2))
}

/// Whether two texts are the same but for what stands for random parts.
fn same_text(want: &str, got: &str) -> bool {
    let parts: Vec<&str> = ["<uid>", "<rand>"].iter().fold(vec![want], |parts, sign| {
        parts.into_iter().flat_map(|part| part.split(sign)).collect()
    });
    let mut rest = got;
    parts.iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// The answer to a recorded request; `None` where it is about something else than one object.
fn answer(server: &Server, line: &Json) -> Option<(String, Object, FieldErrors)> {
    let target = server.target(line["path"].as_str()?)?;
    let body = line.get("body")?;
    let name = target.def.gvr.to_string();
    match line["method"].as_str()? {
        "POST" if target.subresource.is_empty() => {
            let (object, errors) = server.create(&target, body)?;
            Some((name, object, errors))
        }
        "PATCH" | "PUT" => {
            let made = line["setup"].as_array()?.last()?;
            let of = server.target(made["path"].as_str()?)?;
            if of.def.gvr != target.def.gvr {
                return None;
            }
            let (old, _) = server.create(&of, &made["body"])?;
            let patched = match line["contentType"].as_str() {
                Some("application/merge-patch+json") if line["method"] == "PATCH" => {
                    let mut tree = old.clone().into_json();
                    merge(&mut tree, body);
                    tree
                }
                _ if line["method"] == "PUT" => body.clone(),
                _ => return None,
            };
            let verb = if line["method"] == "PUT" { Verb::Update } else { Verb::Patch };
            let (object, errors) = server.update(&target, &old, &patched, verb)?;
            Some((format!("{name} update"), object, errors))
        }
        _ => None,
    }
}

#[test]
fn objects_are_refused_for_the_recorded_causes() {
    let Some(lines) = lines("validation.jsonl") else { return };
    let (server, mut score) = (Server::new(), Score::default());
    for line in lines {
        let status = line["status"].as_u64().unwrap();
        let ours = status == 422 || (200..300).contains(&status);
        let Some((kind, object, errors)) = answer(&server, &line).filter(|_| ours) else {
            continue;
        };
        let none = Vec::new();
        let wanted = line["causes"].as_array().unwrap_or(&none);
        let mut right = same_causes(wanted, &errors);
        let mut notes = Vec::new();
        if right && status == 201 {
            let target = server.target(line["path"].as_str().unwrap()).unwrap();
            check_warnings(&server, &target, &object, &line, &mut notes);
            right = notes.is_empty();
        }
        score.count(&kind, right);
        if !right {
            let texts = |errors: &[FieldError]| {
                errors.iter().map(|e| format!("      got {e}")).collect::<Vec<_>>().join("\n")
            };
            let wants: Vec<_> = wanted
                .iter()
                .map(|c| {
                    format!(
                        "     want {}: {}",
                        c["field"].as_str().unwrap_or(""),
                        c["message"].as_str().unwrap()
                    )
                })
                .collect();
            score.explain(&format!(
                "{} {kind}\n{}\n{}\n{}",
                line["id"],
                wants.join("\n"),
                texts(&errors),
                notes.join("\n")
            ));
        }
    }
    score.print("causes");
    assert!(score.total().0 >= CAUSES_FLOOR, "{:?}", score.total());
}
