//! The options of a deletion, which may stand in its body.

use std::mem;

use orchestrator_core::object::Object;
use orchestrator_core::request::{ApiRequest, Body, MediaType};
use orchestrator_core::schema::Schema;
use orchestrator_core::schema::decode::{self, DecodeError};
use orchestrator_core::{Json, Status};

use super::body::yaml;

/// Takes the options out of the request's body, where it has one: then those of the query do not
/// count.
///
/// # Errors
/// 400: the body is no `DeleteOptions`.
pub(crate) fn take(request: &mut ApiRequest) -> Result<(), Status> {
    let tree = match mem::take(&mut request.body) {
        Body::None => return Ok(()),
        Body::Object(object) => object.into_json(),
        Body::Bytes { bytes, .. } if bytes.is_empty() => return Ok(()),
        Body::Bytes { bytes, media: MediaType::Yaml } => yaml(&bytes)?,
        Body::Bytes { bytes, media: MediaType::Json } => {
            decode::untyped(&bytes).map_err(|error| unreadable(&error))?.value
        }
        Body::Patch { .. } => return Err(Status::bad_request("a patch is no DeleteOptions")),
    };
    let Json::Object(map) = typed(tree)? else { return Ok(()) };
    put(&mut request.options, &Object::from(map));
    Ok(())
}

fn typed(tree: Json) -> Result<Json, Status> {
    let kind = tree.get("kind").and_then(Json::as_str).unwrap_or_default();
    if !matches!(kind, "" | "DeleteOptions") {
        let version = tree.get("apiVersion").and_then(Json::as_str).unwrap_or("v1");
        let version = version.rsplit('/').next().unwrap_or(version);
        return Err(Status::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a DeleteOptions: converting \
             ({version}.{kind}) to (v1.DeleteOptions): unknown conversion"
        )));
    }
    let schema = Schema::builtin();
    let definition = schema.kind("", "v1", "DeleteOptions").expect("the schema has it");
    let decoded = decode::from_json(schema, definition, tree).map_err(|e| unreadable(&e))?;
    Ok(decoded.value)
}

fn put(options: &mut orchestrator_core::request::Options, body: &Object) {
    let flag = |name: &str| body.get(name).and_then(Json::as_bool);
    let precondition =
        |name: &str| body.at(&["preconditions", name]).and_then(Json::as_str).map(str::to_owned);
    let values = body.get("dryRun").and_then(Json::as_array);
    let texts = values.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned);
    options.dry_run = texts.collect();
    options.grace_period_seconds = body.int_at(&["gracePeriodSeconds"]);
    options.propagation_policy = body.text_at(&["propagationPolicy"]).to_owned();
    options.orphan_dependents = flag("orphanDependents");
    options.precondition_uid = precondition("uid");
    options.precondition_resource_version = precondition("resourceVersion");
    options.ignore_store_read_error =
        flag("ignoreStoreReadErrorWithClusterBreakingPotential").unwrap_or_default();
}

fn unreadable(error: &DecodeError) -> Status {
    let message =
        format!("DeleteOptions in version \"v1\" cannot be handled as a DeleteOptions: {error}");
    Status::bad_request(message)
}

#[cfg(test)]
mod tests {
    use orchestrator_core::{GroupVersionResource, UserInfo, Verb};

    use super::*;

    fn request(body: &'static str) -> ApiRequest {
        let gvr = GroupVersionResource::new("", "v1", "pods");
        let bytes = body.as_bytes().into();
        ApiRequest::new(Verb::Delete, gvr, UserInfo::default())
            .body(Body::Bytes { bytes, media: MediaType::Json })
    }

    #[test]
    fn a_body_replaces_the_options_of_the_query() {
        let mut request = request(
            r#"{"gracePeriodSeconds":7,"preconditions":{"uid":"u"},"propagationPolicy":"Orphan"}"#,
        );
        request.options.dry_run = vec!["All".into()];
        take(&mut request).unwrap();
        let options = &request.options;
        assert_eq!(options.grace_period_seconds, Some(7));
        assert_eq!(options.precondition_uid.as_deref(), Some("u"));
        assert_eq!(options.propagation_policy, "Orphan");
        assert!(!options.is_dry_run());
    }

    #[test]
    fn what_is_no_delete_options_is_refused() {
        for body in [r#"{"kind":"Pod","apiVersion":"v1"}"#, r#"{"gracePeriodSeconds":"x"}"#, "["] {
            assert_eq!(take(&mut request(body)).unwrap_err().code, 400, "{body}");
        }
        assert!(take(&mut request("")).is_ok());
    }
}
