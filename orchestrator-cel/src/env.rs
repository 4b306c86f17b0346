//! What an expression may speak of.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::error::CompileError;
use crate::program::Program;
use crate::types::Type;
use crate::{check, syntax};

/// The variables and types that expressions of one place know, besides the functions, which all
/// know.
///
/// # Examples
/// ```
/// use orchestrator_cel::{Env, Type};
/// let env = Env::new().variable("self", Type::list(Type::Int));
/// assert!(env.compile("self.all(x, x > 0)").is_ok());
/// let error = env.compile("other > 1").unwrap_err().to_string();
/// assert_eq!(
///     error,
///     "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')\n | other > 1\n | ^"
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: FxHashMap<String, Type>,
    structs: FxHashMap<String, Type>,
}

impl Env {
    /// An environment without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable, or gives it another type.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, ty: Type) -> Self {
        self.variables.insert(name.into(), ty);
        self
    }

    /// Adds a type of objects that expressions may make, as in `Object.spec{replicas: 1}`.
    #[must_use]
    pub fn structure(mut self, name: impl Into<String>, ty: Type) -> Self {
        self.structs.insert(name.into(), ty);
        self
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it, in the words and the order of upstream.
    pub fn compile(&self, source: &str) -> Result<Program, CompileError> {
        let error = |issues| CompileError::new(source, issues);
        let mut parsed = syntax::parse(source).map_err(error)?;
        let checked = check::check(&mut parsed.root, parsed.nodes, &self.variables, &self.structs)
            .map_err(error)?;
        Ok(Program::new(Arc::from(source), parsed.root, checked))
    }
}
