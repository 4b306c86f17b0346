//! A member of a store of several, from the command line.

use std::path::Path;
use std::sync::Arc;

use orchestrator::core::{BoxError, Env};
use orchestrator::store::{Limits, Operator};

use crate::UsageError;
use crate::args::Raft;

pub async fn open(
    _raft: &Raft,
    _folder: &Path,
    _limits: Limits,
    _env: &Env,
) -> Result<Arc<dyn Operator>, BoxError> {
    Err(UsageError("not yet".into()).into())
}
