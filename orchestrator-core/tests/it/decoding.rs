//! Recorded request bodies: the decoder refuses what the server's decoder refused, in its words,
//! warns of what it warned of, and lets everything else pass.

use orchestrator_core::Json;
use orchestrator_core::schema::{Schema, decode};

use crate::shared::{self, difference};

/// The lines of a file of recorded requests.
fn facts(name: &str) -> Vec<Json> {
    let Some(folder) = shared::folder("facts") else { return Vec::new() };
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The message of the decoder in the answer of the server.
fn decoder_message(answer: &Json) -> Option<&str> {
    let message = answer["message"].as_str()?;
    let (_, rest) = message.split_once(" cannot be handled as a ")?;
    let (_, message) = rest.split_once(": ")?;
    (!message.starts_with("converting")).then_some(message)
}

#[test]
fn bodies_are_refused_or_pass_as_recorded() {
    let mut checked = 0;
    for fact in facts("validation.jsonl") {
        let content = fact["contentType"].as_str().unwrap_or("application/json");
        if !["POST", "PUT"].contains(&fact["method"].as_str().unwrap())
            || !content.ends_with("/json")
        {
            continue;
        }
        let body = match fact["bodyText"].as_str() {
            Some(text) => text.to_owned(),
            None => fact["body"].to_string(),
        };
        let Ok(meta) = decode::type_meta(body.as_bytes()) else { continue };
        let schema = Schema::builtin();
        let Some(definition) = schema.kind_of(&meta.api_version, &meta.kind) else { continue };
        check(&fact, decode::from_slice(schema, definition, body.as_bytes()));
        checked += 1;
    }
    eprintln!("{checked} bodies checked");
}

fn check(fact: &Json, result: Result<decode::Decoded, decode::DecodeError>) {
    let id = &fact["id"];
    let problems = |problems: &[decode::Problem]| -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    };
    let result = match (result, decoder_message(fact)) {
        (result, None) => result.unwrap_or_else(|error| panic!("{id}: {error}")),
        (Err(error), Some(message)) => {
            // A time in the message is a placeholder.
            assert!(error.to_string() == message || message.contains("<time>"), "{id}: {error}");
            return;
        }
        (Ok(decoded), Some(message)) => {
            // The order of a body that is not recorded as a text is lost.
            let message = message.strip_prefix("strict decoding error: ").unwrap_or(message);
            let mut wanted: Vec<&str> = message.split(", ").collect();
            let mut found = problems(&decoded.problems);
            if fact.get("bodyText").is_none() {
                wanted.sort_unstable();
                found.sort_unstable();
            }
            assert_eq!(found, wanted, "{id}");
            return;
        }
    };
    let warnings = fact["warnings"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let mut warnings: Vec<&str> =
        warnings.filter(|text| text.starts_with("unknown") || text.starts_with("dupl")).collect();
    let ignored = fact["path"].as_str().unwrap().contains("fieldValidation=Ignore");
    if fact["status"] == 201 && !ignored {
        let mut found = problems(&result.problems);
        if fact.get("bodyText").is_none() {
            warnings.sort_unstable();
            found.sort_unstable();
        }
        assert_eq!(found, warnings, "{id}");
    }
}

/// What is wrong with an object that the server returned: it must decode to itself.
fn check_stored(object: &Json) -> Option<String> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let schema = Schema::builtin();
    let definition = schema.kind_of(text("apiVersion"), text("kind"))?;
    let decoded = match decode::from_json(schema, definition, object.clone()) {
        Ok(decoded) => decoded,
        // A placeholder is no number and no time.
        Err(_) if object.to_string().contains("\"<") => return None,
        Err(error) => return Some(error.to_string()),
    };
    assert_eq!(decoded.problems, []);
    difference(object, &decoded.value)
}

#[test]
fn what_the_server_stored_is_canonical() {
    let facts = facts("defaults.jsonl");
    let wrong = facts.iter().filter_map(|fact| {
        check_stored(&fact["result"]).map(|wrong| format!("{}: {wrong}", fact["id"]))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_server_answered_is_canonical() {
    let Some(folder) = shared::folder("transcripts") else { return };
    let mut wrong = Vec::new();
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for (line, text) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let step: Json = serde_json::from_str(text).unwrap();
            let body = &step["expect"]["body"];
            let whole = step.get("project").is_none() && step.get("ignore").is_none();
            if whole && body.is_object() && step["expect"]["status"].as_u64() < Some(300) {
                checked += 1;
                let place = format!("{}:{}", path.display(), line + 1);
                wrong.extend(check_stored(body).map(|wrong| format!("{place}: {wrong}")));
            }
        }
    }
    eprintln!("{checked} answers checked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
