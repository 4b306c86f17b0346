//! `PodSecurity`: how much a namespace lets its pods do to their node.
//!
//! A namespace's labels name a level ([`policy`]): `baseline` forbids what is known to break out,
//! `restricted` asks for hardening on top. Pods that break the enforced level are refused; pods
//! and whatever has a template of pods are warned of at the level to warn of.

mod baseline;
mod pod;
mod policy;
mod restricted;

use async_trait::async_trait;
use orchestrator_core::object::Map;
use orchestrator_core::{Json, Status};

use self::pod::Pod;
use self::policy::{Level, Policy};
use super::{Admission, AdmissionRequest, Operation};

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodSecurity;

/// Where kinds that make pods have the pods' spec.
const TEMPLATES: &[(&str, &str, &[&str])] = &[
    ("", "podtemplates", &["template", "spec"]),
    ("", "replicationcontrollers", &["spec", "template", "spec"]),
    ("apps", "daemonsets", &["spec", "template", "spec"]),
    ("apps", "deployments", &["spec", "template", "spec"]),
    ("apps", "replicasets", &["spec", "template", "spec"]),
    ("apps", "statefulsets", &["spec", "template", "spec"]),
    ("batch", "cronjobs", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("batch", "jobs", &["spec", "template", "spec"]),
];

/// Where the kind of the request has a pod's spec.
fn place(request: &AdmissionRequest<'_>) -> Option<&'static [&'static str]> {
    let gvr = &request.resource.def.gvr;
    if gvr.group.is_empty() && gvr.resource == "pods" {
        return Some(&["spec"]);
    }
    let known =
        TEMPLATES.iter().find(|(group, name, _)| gvr.group == *group && gvr.resource == *name);
    known.map(|(_, _, place)| *place)
}

fn is_pod(request: &AdmissionRequest<'_>) -> bool {
    request.resource.def.gvr.resource == "pods"
}

#[async_trait]
impl Admission for PodSecurity {
    fn name(&self) -> &'static str {
        "PodSecurity"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        let Some(place) = place(request) else { return false };
        let changed = request.old.is_none_or(|old| old.at(place) != request.object.at(place));
        matches!(request.operation, Operation::Create | Operation::Update)
            && matches!(request.subresource, "" | "ephemeralcontainers" | "resize")
            && changed
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let Some(namespace) = request.namespace_object().await? else { return Ok(()) };
        let policy = Policy::of(namespace.tree().map_err(Status::internal)?);
        let empty = Map::new();
        let spec = place(request).and_then(|place| request.object.at(place));
        let spec = spec.and_then(Json::as_object).unwrap_or(&empty);
        if is_pod(request)
            && let Some(why) = judge(&policy.enforce, spec)
        {
            return Err(request.forbidden(format!("violates PodSecurity {why}")));
        }
        if let Some(why) = judge(&policy.warn, spec) {
            request.warn(format!("would violate PodSecurity {why}"));
        }
        Ok(())
    }
}

/// What breaks the level, in one line; `None` where nothing does.
fn judge(level: &Level, spec: &Map) -> Option<String> {
    let pod = Pod::new(spec);
    let found = match level.name.as_str() {
        "baseline" => baseline::check(&pod),
        "restricted" => restricted::check(&pod),
        _ => return None,
    };
    if found.is_empty() {
        return None;
    }
    let all: Vec<String> =
        found.into_iter().map(|(what, detail)| format!("{what} ({detail})")).collect();
    Some(format!("\"{}:{}\": {}", level.name, level.version, all.join(", ")))
}

/// What a check found: what is forbidden, and where it is.
type Finding = (&'static str, String);

/// One rule of a level.
type Check = fn(&Pod<'_>) -> Option<Finding>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(level: &str, spec: Json, wanted: &str) {
        let level = Level { name: level.into(), version: "latest".into() };
        let found = judge(&level, spec.as_object().unwrap()).unwrap_or_default();
        assert_eq!(found, wanted);
    }

    fn with(security: Json) -> Json {
        json!({"containers": [{"name": "c", "securityContext": security}]})
    }

    #[test]
    fn baseline_forbids_what_breaks_out() {
        let bare = || json!({"containers": [{"name": "c"}]});
        check("baseline", bare(), "");
        check("privileged", with(json!({"privileged": true})), "");
        check(
            "baseline",
            with(json!({"privileged": true})),
            "\"baseline:latest\": privileged (container \"c\" must not set \
             securityContext.privileged=true)",
        );
        let mut host = bare();
        host["hostNetwork"] = true.into();
        host["hostPID"] = true.into();
        host["volumes"] = json!([{"name": "h", "hostPath": {"path": "/"}}]);
        host["containers"][0]["ports"] = json!([{"hostPort": 80}]);
        check(
            "baseline",
            host,
            "\"baseline:latest\": host namespaces (hostNetwork=true, hostPID=true), hostPath \
             volumes (volume \"h\"), hostPort (container \"c\" uses hostPort 80)",
        );
        check(
            "baseline",
            with(json!({"seLinuxOptions": {"type": "spc_t", "user": "x"},
                "capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}})),
            "\"baseline:latest\": non-default capabilities (container \"c\" must not include \
             \"SYS_ADMIN\" in securityContext.capabilities.add), seLinuxOptions (container \"c\" \
             set forbidden securityContext.seLinuxOptions: type \"spc_t\"; user may not be set)",
        );
    }

    #[test]
    fn restricted_asks_for_hardening() {
        check(
            "restricted",
            with(json!({})),
            "\"restricted:latest\": allowPrivilegeEscalation != false (container \"c\" must set \
             securityContext.allowPrivilegeEscalation=false), unrestricted capabilities \
             (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot \
             != true (pod or container \"c\" must set securityContext.runAsNonRoot=true), \
             seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type \
             to \"RuntimeDefault\" or \"Localhost\")",
        );
        let hard = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
        check("restricted", with(hard.clone()), "");
        let mut spec = with(hard);
        spec["volumes"] = json!([{"name": "n", "nfs": {}}]);
        spec["securityContext"] = json!({"runAsUser": 0});
        check(
            "restricted",
            spec,
            "\"restricted:latest\": restricted volume types (volume \"n\" uses restricted volume \
             type \"nfs\"), runAsUser=0 (pod must not set runAsUser=0)",
        );
    }
}
