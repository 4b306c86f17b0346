//! The expressions of Kubernetes: CEL, compiled once and evaluated over trees of JSON.
//!
//! An [`Env`] says which variables there are and of what [`Type`]; it compiles a text to a
//! [`Program`], or tells what is wrong in the words that clients know. A program is evaluated with
//! [`Value`]s that borrow the trees of objects, within a [`Budget`] that counts instead of looking
//! at a clock. All functions that Kubernetes adds to the language are there.
//!
//! The library `kube-cel` has a parser and an interpreter. Only the words of its parser's errors are used:
//! its trees do not say where they stand, it has no types, an evaluation cannot be bounded, and
//! each one copies the objects it is about.
//!
//! ```text
//! text ─▶ syntax ─▶ tree ─▶ check ─▶ Program ─▶ estimate ─▶ what it may cost
//!                             ▲          └────▶ eval ─▶ Value
//!                    types, functions               ▲
//!                                            trees, Budget, Answers
//! ```
//!
//! # Examples
//! ```
//! use orchestrator_cel::{Budget, Env, Type, Value};
//! let env = Env::new().variable("object", Type::Dyn);
//! let program = env.compile("object.spec.replicas <= 3")?;
//! assert_eq!(program.output().to_string(), "bool");
//!
//! let object = serde_json::json!({"spec": {"replicas": 5}});
//! let variables = [("object", Value::tree(&object))];
//! let value = program.evaluate(&variables, &mut Budget::default())?;
//! assert_eq!(value.as_bool(), Some(false));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod check;
mod env;
mod error;
mod estimate;
mod eval;
mod functions;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod program;
mod syntax;
mod types;
mod value;

pub use cache::Cache;
pub use env::Env;
pub use error::{CompileError, EvalError};
pub use estimate::Estimate;
pub use eval::{Answers, Budget, NoAnswers, Run};
pub use functions::NamedFormat;
pub use program::Program;
pub use types::{Field, ListKind, ListType, MapType, Max, Opaque, Record, Type};
pub use value::{
    Answer, Fields, Key, List, Map, Question, Shape, Span, Struct, Text, Url, Value, Version,
};
