//! Programs that were compiled before.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::{CompileError, Env, Program};

/// Keeps the programs of one [`Env`] by their text.
///
/// It holds a bounded number; when one more comes, all are forgotten and those that are in use
/// are compiled once more. That is seldom, and needs no order of use.
#[derive(Debug)]
pub struct Cache {
    env: Env,
    max: usize,
    programs: Mutex<FxHashMap<String, Arc<Program>>>,
}

impl Cache {
    /// A cache of at most `max` programs.
    pub fn new(env: Env, max: usize) -> Self {
        Self { env, max, programs: Mutex::default() }
    }

    /// The environment.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The program of a text.
    ///
    /// # Errors
    /// What is wrong with it; errors are not kept.
    pub fn compile(&self, source: &str) -> Result<Arc<Program>, CompileError> {
        if let Some(program) = self.programs.lock().get(source) {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(self.env.compile(source)?);
        let mut programs = self.programs.lock();
        if programs.len() >= self.max {
            programs.clear();
        }
        programs.insert(source.to_owned(), Arc::clone(&program));
        Ok(program)
    }
}
