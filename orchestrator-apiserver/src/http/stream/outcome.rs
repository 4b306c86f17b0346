//! How a command ended, as the error channel tells it.

use orchestrator_core::{Json, Status};
use serde_json::json;

/// The `Status` document of an exit code or a failure.
pub(super) fn document(exit: Result<i32, Status>) -> Json {
    match exit {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(status) => status.to_object().into_json(),
    }
}
