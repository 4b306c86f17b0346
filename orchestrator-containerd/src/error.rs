//! Errors: what containerd says, in the words of the runtime trait.

use orchestrator_core::runtime::RuntimeError;
use tonic::{Code, Status};

use crate::daemon::DaemonError;

/// Why the runtime cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The containerd of our own does not run.
    #[error("cannot run containerd")]
    Daemon(#[from] DaemonError),
    /// A directory cannot be made.
    #[error("cannot make {path}")]
    Directory {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// containerd does not answer as it should.
    #[error("containerd at {socket} does not answer")]
    Unreachable {
        /// Its socket.
        socket: std::path::PathBuf,
        /// Why.
        #[source]
        source: RuntimeError,
    },
    /// An image that every pod needs cannot be had.
    #[error("cannot import an image")]
    Image(#[from] crate::image::ImageError),
}

/// What containerd said, in the form in which the field knows it.
pub(crate) fn told(status: &Status) -> String {
    let code = match status.code() {
        // Go spells it with one l.
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    };
    format!("rpc error: code = {code} desc = {}", status.message())
}

/// The error of an operation: `what` was tried.
pub(crate) fn failed(what: &str, status: &Status) -> RuntimeError {
    match status.code() {
        Code::Unavailable => RuntimeError::Unavailable(told(status).into()),
        // A connection that cannot be made has no answer, so it has no code of the server.
        Code::Unknown if std::error::Error::source(status).is_some() => {
            RuntimeError::Unavailable(told(status).into())
        }
        _ => RuntimeError::failed(what, told(status)),
    }
}

/// Whether what was asked for is not there.
pub(crate) fn is_not_found(status: &Status) -> bool {
    status.code() == Code::NotFound
}

/// Success where what was to go is gone already.
pub(crate) fn gone<T>(answer: Result<T, Status>, what: &str) -> Result<(), RuntimeError> {
    match answer {
        Ok(_) => Ok(()),
        Err(status) if is_not_found(&status) => Ok(()),
        Err(status) => Err(failed(what, &status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_as_the_field_knows_them() {
        let status = Status::cancelled("enough");
        assert_eq!(told(&status), "rpc error: code = Canceled desc = enough");
        let error = failed("cannot run the sandbox", &Status::unknown("no bridge"));
        let told = "cannot run the sandbox: rpc error: code = Unknown desc = no bridge";
        assert_eq!(error.chain(), told);
        assert!(matches!(failed("", &Status::unavailable("")), RuntimeError::Unavailable(_)));
        assert!(gone(Err::<(), _>(Status::not_found("x")), "").is_ok());
    }
}
