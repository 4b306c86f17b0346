//! What a node answers instead of doing what it was asked.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use http_body_util::{BodyExt, Limited};
use orchestrator_core::{Env, Object, Status};

use super::connect::Answered;

/// The longest failure that is read.
const MAX_BYTES: usize = 64 * 1024;

/// How long a node may take to say what went wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// The failure that an answer tells: a `Status` object, or plain text as other kubelets write it.
pub(super) async fn failure(answered: Answered, env: &Env) -> Status {
    let Answered { answer, connection } = answered;
    let code = answer.status().as_u16();
    let body = pin!(Limited::new(answer.into_body(), MAX_BYTES).collect());
    let bytes = match select(body, pin!(env.sleep(PATIENCE))).await {
        Either::Left((Ok(collected), _)) => collected.to_bytes(),
        _ => Default::default(),
    };
    drop(connection);
    read(&bytes, code)
}

fn read(bytes: &[u8], code: u16) -> Status {
    // The API server itself, not the caller, is who the node does not know.
    let own = matches!(code, 401 | 403);
    let text = || String::from_utf8_lossy(bytes).trim().to_owned();
    let status = match serde_json::from_slice::<Object>(bytes) {
        Ok(object) if object.kind() == "Status" => Status::from_object(&object, code),
        _ if code >= 400 => Status::new(code, "", text()),
        _ => Status::internal(format!("the node answers with code {code}: {}", text())),
    };
    match own {
        true => Status::internal(format!("the node refuses the API server: {}", status.message)),
        false => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_as_the_node_tells_them() {
        let status = Status::bad_request("container \"c\" is waiting to start");
        let sent = status.to_object().into_json().to_string();
        assert_eq!(read(sent.as_bytes(), 400), status);
        let plain = read(b"no such container\n", 404);
        assert_eq!((plain.code, plain.message.as_str()), (404, "no such container"));
        assert_eq!(read(b"", 200).code, 500);
        assert_eq!(read(b"Forbidden", 403).code, 500);
    }
}
