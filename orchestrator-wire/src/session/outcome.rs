//! How a command ended, as the error channel tells it.

use orchestrator_core::{Json, Object, Status};
use serde_json::json;

/// The reason that says that a command ran and ended with a code of its own.
const EXIT_CODE: &str = "NonZeroExitCode";

/// The `Status` document of an exit code or a failure.
pub(super) fn document(exit: Result<i32, Status>) -> Json {
    match exit {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "reason": EXIT_CODE,
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(status) => status.to_object().into_json(),
    }
}

/// The exit code or the failure that a `Status` document tells.
pub(super) fn read(document: &[u8]) -> Result<i32, Status> {
    let broken = |_| {
        let text = String::from_utf8_lossy(document);
        Status::internal(format!("the node tells the end of the command so: {text:?}"))
    };
    let document: Object = serde_json::from_slice(document).map_err(broken)?;
    if document.text_at(&["status"]) == "Success" {
        return Ok(0);
    }
    let status = Status::from_object(&document, 500);
    if document.text_at(&["reason"]) == EXIT_CODE {
        let mut causes = status.details.causes.iter();
        let code = causes.find(|cause| cause.reason == "ExitCode");
        if let Some(code) = code.and_then(|cause| cause.message.parse().ok()) {
            return Ok(code);
        }
    }
    Err(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        for exit in [Ok(0), Ok(1), Ok(137), Err(Status::bad_request("no shell"))] {
            assert_eq!(read(document(exit.clone()).to_string().as_bytes()), exit);
        }
        for broken in ["", "[]", "x", "{\"reason\":\"NonZeroExitCode\"}"] {
            assert!(read(broken.as_bytes()).is_err(), "{broken:?}");
        }
    }
}
