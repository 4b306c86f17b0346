//! Fuzz targets: no text and no object makes an evaluation panic or run away.

use orchestrator_core::Json;

use crate::{Budget, Env, Type, Value};

/// Compiles the first line, and evaluates it over the tree that the rest is.
pub fn expression(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (source, rest) = text.split_once('\n').unwrap_or((&text, "null"));
    let env = Env::new().variable("self", Type::Dyn);
    let Ok(program) = env.compile(source) else { return };
    let tree: Json = serde_json::from_str(rest).unwrap_or(Json::Null);
    let _ = program.estimate();
    let _ = program.evaluate(&[("self", Value::tree(&tree))], &mut Budget::new(100_000));
}
