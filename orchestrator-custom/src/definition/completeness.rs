//! What restrictions name at the root must be described outside of them.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;

use crate::report::{At, required};
use crate::value::Fields;

/// Checks the restrictions at the root of `schema`.
pub(super) fn check(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    let mut named = At::new(at.path());
    quantified(schema, schema, at, &mut named, errors);
}

/// Checks the restrictions of `part`, which is at `named`, against the `schema` at `at`.
fn quantified(part: &Json, schema: &Json, at: &mut At, named: &mut At, errors: &mut FieldErrors) {
    for word in ["allOf", "anyOf", "oneOf"] {
        named.field(word, |named| {
            for (index, part) in part.list(word).iter().enumerate() {
                named.index(index, |named| node(part, schema, at, named, errors));
            }
        });
    }
    if part.sub("not").is_object() {
        named.field("not", |named| node(part.sub("not"), schema, at, named, errors));
    }
}

/// Goes to a place below one, looks there, and comes back.
type Step<'a> = dyn Fn(&mut At, &mut dyn FnMut(&mut At)) + 'a;

fn node(part: &Json, schema: &Json, at: &mut At, named: &mut At, errors: &mut FieldErrors) {
    quantified(part, schema, at, named, errors);
    let mut below = |step: &Step<'_>, part: &Json, schema: &Json| {
        step(at, &mut |at| {
            step(named, &mut |named| match schema.is_object() {
                true => node(part, schema, at, named, errors),
                false => {
                    let why = format!("because it is defined in {}", named.path());
                    errors.push(required(at.path(), &why));
                }
            });
        });
    };
    if part.sub("items").is_object() {
        below(&|at, look| at.field("items", look), part.sub("items"), schema.sub("items"));
    }
    for (name, property) in part.entries("properties") {
        let step = |at: &mut At, look: &mut dyn FnMut(&mut At)| {
            at.field("properties", |at| at.key(name, |at| look(at)));
        };
        below(&step, property, schema.sub("properties").sub(name));
    }
}
