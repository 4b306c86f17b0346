//! What a walk carries along: where it is, and what it has found.

use std::fmt::{self, Write as _};

use super::{Decoded, MAX_DEPTH, MAX_PROBLEMS};
use crate::Json;
use crate::schema::{Definition, ScalarError, Schema};

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are no text.
    #[error("invalid UTF-8 after {0} bytes")]
    Utf8(usize),
    /// The text is no JSON.
    #[error("{0}")]
    Syntax(String),
    /// Lists and maps nest too deep.
    #[error("exceeded max depth of {MAX_DEPTH}")]
    Depth,
    /// A value has the wrong type.
    #[error("json: cannot unmarshal {found} into Go {place} of type {wanted}")]
    Type {
        /// The kind of value found.
        found: String,
        /// The field, as Go names it.
        place: String,
        /// The Go type of the field.
        wanted: String,
    },
    /// A text is no quantity, time or base64.
    #[error(transparent)]
    Scalar(#[from] ScalarError),
    /// The version and kind cannot be read.
    #[error("couldn't get version/kind; json parse error: {0}")]
    TypeMeta(String),
}

/// The words for text that is no JSON; those for one that breaks off are what clients know.
pub(super) fn syntax(error: &serde_json::Error) -> String {
    match error.is_eof() {
        true => "unexpected end of JSON input".into(),
        false => error.to_string(),
    }
}

impl DecodeError {
    /// The words for a tree that was made out of another, as a patch does, instead of read.
    pub fn restoring(&self) -> String {
        let Self::Type { found, wanted, .. } = self else { return self.to_string() };
        let (kind, ty) = match found.as_str() {
            "array" => ("slice", "[]interface {}"),
            "object" => ("map", "map[string]interface {}"),
            "string" => ("string", "string"),
            "bool" => ("bool", "bool"),
            number if number.contains(['.', 'e', 'E']) => ("float64", "float64"),
            _ => ("int64", "int64"),
        };
        match wanted.as_str() {
            map if map.starts_with("map[") => format!("cannot restore map from {kind}"),
            list if list.starts_with("[]") => format!("cannot restore slice from {kind}"),
            named if named.contains('.') => format!("cannot restore struct from: {kind}"),
            scalar => format!("cannot convert {ty} to {scalar}"),
        }
    }
}

/// Something in a body that a lenient server lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A field that the schema does not have.
    Unknown(String),
    /// A field that is there twice; the later one counts.
    Duplicate(String),
}

impl Problem {
    /// The path of the field.
    pub fn path(&self) -> &str {
        let (Self::Unknown(path) | Self::Duplicate(path)) = self;
        path
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(path) => write!(f, "unknown field \"{path}\""),
            Self::Duplicate(path) => write!(f, "duplicate field \"{path}\""),
        }
    }
}

/// A step on the path to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'s> {
    /// A field of a struct.
    Field(&'s Definition, &'s str),
    /// A key of a map: the place in `Context::keys` where it starts.
    Key(usize),
    /// An item of a list.
    Index(usize),
}

/// Where a walk is and what it has found.
#[derive(Debug)]
pub(super) struct Context<'s> {
    pub(super) schema: &'s Schema,
    path: Vec<Step<'s>>,
    keys: String,
    depth: usize,
    problems: Vec<Problem>,
    sorted: Vec<Problem>,
    error: Option<DecodeError>,
}

impl<'s> Context<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            path: Vec::new(),
            keys: String::new(),
            depth: 0,
            problems: Vec::new(),
            sorted: Vec::new(),
            error: None,
        }
    }

    /// The outcome of the walk; the error noted on the way tells more than serde's.
    pub(super) fn finish(
        self,
        result: Result<Json, serde_json::Error>,
    ) -> Result<Decoded, DecodeError> {
        match (self.error, result) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(DecodeError::Syntax(syntax(&error))),
            (None, Ok(value)) => {
                let mut problems = self.problems;
                let mut sorted = self.sorted;
                sorted.sort_by(|a, b| a.path().cmp(b.path()));
                problems.append(&mut sorted);
                problems.truncate(MAX_PROBLEMS);
                Ok(Decoded { value, problems })
            }
        }
    }

    pub(super) fn enter(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(DecodeError::Depth) } else { Ok(()) }
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn push(&mut self, step: Step<'s>) {
        self.path.push(step);
    }

    pub(super) fn push_key(&mut self, key: &str) {
        self.path.push(Step::Key(self.keys.len()));
        self.keys.push_str(key);
    }

    pub(super) fn pop(&mut self) {
        if let Some(Step::Key(start)) = self.path.pop() {
            self.keys.truncate(start);
        }
    }

    /// Notes the error that ends the walk.
    pub(super) fn fail(&mut self, error: DecodeError) {
        self.error.get_or_insert(error);
    }

    pub(super) fn report_unknown(&mut self, key: &str, sorted: bool) {
        let problem = Problem::Unknown(self.path_to(key));
        if sorted {
            note(&mut self.sorted, problem);
        } else {
            note(&mut self.problems, problem);
        }
    }

    pub(super) fn report_duplicate(&mut self, key: &str) {
        let problem = Problem::Duplicate(self.path_to(key));
        note(&mut self.problems, problem);
    }

    /// The path of `key` below the present place, as in `spec.ports[0].name`.
    fn path_to(&self, key: &str) -> String {
        let mut text = String::new();
        let mut end = self.keys.len();
        let mut ends = Vec::new();
        for step in self.path.iter().rev() {
            if let Step::Key(start) = step {
                ends.push(end);
                end = *start;
            }
        }
        for step in &self.path {
            let name = match step {
                Step::Field(_, name) => name,
                Step::Key(start) => &self.keys[*start..ends.pop().unwrap_or(self.keys.len())],
                Step::Index(index) => {
                    let _ = write!(text, "[{index}]");
                    continue;
                }
            };
            join(&mut text, name);
        }
        join(&mut text, key);
        text
    }

    /// The present place as Go's decoder names it: the innermost struct, then all fields.
    pub(super) fn place(&self) -> String {
        let mut fields = self.path.iter().filter_map(|step| match step {
            Step::Field(definition, name) => Some((definition, name)),
            _ => None,
        });
        let Some((definition, _)) = fields.clone().next_back() else { return "value".into() };
        let first = fields.next().map(|(_, name)| *name).unwrap_or_default();
        fields.fold(format!("struct field {}.{first}", definition.short_name()), |text, field| {
            text + "." + field.1
        })
    }
}

fn note(problems: &mut Vec<Problem>, problem: Problem) {
    if problems.len() < MAX_PROBLEMS && !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn join(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}
