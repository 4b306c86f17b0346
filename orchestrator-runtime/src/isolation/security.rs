//! What containers may do: the security contexts of the container and of its pod.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, SeccompProfile};
use orchestrator_core::runtime::{Seccomp, Security};

use crate::agent::NodeConfig;

/// What a container may do: its own word, then the pod's.
pub(super) fn of_container(pod: &Pod, container: &Container, node: &NodeConfig) -> Security {
    let whole =
        pod.spec.as_ref().and_then(|spec| spec.security_context.clone()).unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let capabilities = own.capabilities.unwrap_or_default();
    let names = |names: Option<Vec<String>>| -> Vec<String> {
        let plain = |name: String| name.strip_prefix("CAP_").map(str::to_owned).unwrap_or(name);
        names.into_iter().flatten().map(plain).collect()
    };
    let privileged = own.privileged == Some(true);
    let profile = own.seccomp_profile.or(whole.seccomp_profile);
    Security {
        privileged,
        add_capabilities: names(capabilities.add),
        drop_capabilities: names(capabilities.drop),
        read_only_root: own.read_only_root_filesystem == Some(true),
        no_new_privileges: own.allow_privilege_escalation == Some(false),
        unmasked_proc: own.proc_mount.as_deref() == Some("Unmasked"),
        seccomp: match profile.filter(|_| !privileged) {
            Some(profile) => seccomp(&profile, node),
            None => Seccomp::Unconfined,
        },
    }
}

fn seccomp(profile: &SeccompProfile, node: &NodeConfig) -> Seccomp {
    match profile.type_.as_str() {
        "RuntimeDefault" => Seccomp::RuntimeDefault,
        "Localhost" => {
            let name = profile.localhost_profile.as_deref().unwrap_or_default();
            // Profiles are beside the volumes, where nobody but the node's owner writes.
            let folder = node.volumes_root.parent().unwrap_or(Path::new("/")).join("seccomp");
            Seccomp::Localhost(folder.join(name).display().to_string())
        }
        _ => Seccomp::Unconfined,
    }
}

/// The settings of the kernel that are the pod's own; both ways of writing names mean the same.
pub(super) fn sysctls(spec: &PodSpec) -> BTreeMap<String, String> {
    let security = spec.security_context.as_ref();
    let settings = security.and_then(|security| security.sysctls.as_deref()).unwrap_or_default();
    settings.iter().map(|s| (s.name.replace('/', "."), s.value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn security(whole: Value, own: Value) -> Security {
        let container = json!({"name": "a", "securityContext": own});
        let spec = json!({"containers": [container], "securityContext": whole});
        let pod: Pod = serde_json::from_value(json!({"spec": spec})).unwrap();
        let container = &pod.spec.as_ref().unwrap().containers[0];
        of_container(&pod, container, &NodeConfig::new("n", "/data/volumes"))
    }

    #[test]
    fn the_containers_word_comes_before_the_pods() {
        let runtime = json!({"seccompProfile": {"type": "RuntimeDefault"}});
        assert_eq!(security(runtime.clone(), json!({})).seccomp, Seccomp::RuntimeDefault);
        let local = json!({"type": "Localhost", "localhostProfile": "strict.json"});
        let own = security(runtime.clone(), json!({"seccompProfile": local}));
        assert_eq!(own.seccomp, Seccomp::Localhost("/data/seccomp/strict.json".into()));
        let own = security(runtime, json!({"privileged": true}));
        assert!(own.privileged && own.seccomp == Seccomp::Unconfined);
    }

    #[test]
    fn rights_are_taken_and_given() {
        let capabilities = json!({"drop": ["ALL"], "add": ["CAP_NET_ADMIN", "CHOWN"]});
        let own = json!({"capabilities": capabilities, "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true});
        let security = security(json!({}), own);
        assert_eq!(security.drop_capabilities, ["ALL"]);
        assert_eq!(security.add_capabilities, ["NET_ADMIN", "CHOWN"]);
        assert!(security.no_new_privileges && security.read_only_root && !security.unmasked_proc);
    }
}
