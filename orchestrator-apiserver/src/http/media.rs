//! Content types: what the bytes of a request body are.

use bytes::Bytes;
use orchestrator_core::Status;
use orchestrator_core::request::{Body, MediaType, PatchKind};

use crate::encode::protobuf;

const TAKEN: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// The body of a write in the media type that its `Content-Type` names; protobuf becomes JSON.
///
/// # Errors
/// 415 for any other type; 400 for protobuf that is broken.
pub(crate) fn object(content_type: &str, bytes: Bytes) -> Result<Body, Status> {
    let media = match essence(content_type) {
        "" | "application/json" => MediaType::Json,
        "application/yaml" => MediaType::Yaml,
        protobuf::MEDIA_TYPE => {
            let bytes = Bytes::from(protobuf::decode(&bytes)?.to_string());
            return Ok(Body::Bytes { bytes, media: MediaType::Json });
        }
        _ => {
            return Err(Status::unsupported_media_type(format!(
                "the body of the request was in an unknown format - accepted media types \
                 include: {TAKEN}"
            )));
        }
    };
    Ok(Body::Bytes { bytes, media })
}

/// The body of a patch.
///
/// # Errors
/// 415 for a type that is no patch.
pub(crate) fn patch(content_type: &str, bytes: Bytes) -> Result<Body, Status> {
    let kind = match essence(content_type) {
        "application/json-patch+json" => PatchKind::Json,
        "application/merge-patch+json" => PatchKind::Merge,
        "application/strategic-merge-patch+json" => PatchKind::Strategic,
        "application/apply-patch+yaml" => PatchKind::Apply,
        _ => return Err(Status::unsupported_media_type("415: Unsupported Media Type")),
    };
    Ok(Body::Patch { bytes, kind })
}

/// The type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_are_taken_with_parameters_and_others_refused() {
        let taken = ["", "application/json", "application/yaml; charset=utf-8"];
        for content_type in taken {
            assert!(object(content_type, Bytes::new()).is_ok(), "{content_type}");
        }
        let text = object("text/plain", Bytes::new()).unwrap_err();
        assert_eq!(text.code, 415);
        assert!(text.message.ends_with("application/yaml, application/vnd.kubernetes.protobuf"));
        assert_eq!(object(protobuf::MEDIA_TYPE, Bytes::new()).unwrap_err().code, 400);
        assert!(patch("application/merge-patch+json", Bytes::new()).is_ok());
        assert_eq!(patch("application/json", Bytes::new()).unwrap_err().code, 415);
    }
}
