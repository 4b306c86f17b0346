//! Security contexts of pods and containers.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::check_option;
use crate::fields::Fields;
use crate::format::names::SUBDOMAIN_MAX;
use crate::format::numbers::check_between;
use crate::format::paths::check_descending;
use crate::report::{Report, Verbatim};

const SYSCTL: &str = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];
/// How long the name of an AppArmor profile may be.
const PROFILE_MAX: usize = 4095;
const CONTEXT_FIELDS: [&str; 12] = [
    "capabilities",
    "privileged",
    "seLinuxOptions",
    "windowsOptions",
    "runAsUser",
    "runAsGroup",
    "runAsNonRoot",
    "readOnlyRootFilesystem",
    "allowPrivilegeEscalation",
    "procMount",
    "seccompProfile",
    "appArmorProfile",
];

/// Checks that the field `name` is a user or group, where it is set.
fn check_id(parent: &Json, name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(id) = parent.int(name) {
        check_between(id, 0, i64::from(i32::MAX), &path.child(name), errors);
    }
}

/// Checks the security context of a pod.
pub(super) fn check_pod(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let context = spec.sub("securityContext");
    for name in ["fsGroup", "runAsUser", "runAsGroup"] {
        check_id(context, name, path, errors);
    }
    let groups = path.child("supplementalGroups");
    for (i, group) in context.list("supplementalGroups").iter().enumerate() {
        let group = group.as_i64().unwrap_or_default();
        check_between(group, 0, i64::from(i32::MAX), &groups.index(i), errors);
    }
    if spec.flag("shareProcessNamespace") && spec.flag("hostPID") {
        const DETAIL: &str = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.child("shareProcessNamespace"), true, DETAIL);
    }
    check_sysctls(context.list("sysctls"), &path.child("sysctls"), errors);
    const CHANGE: [&str; 2] = ["Always", "OnRootMismatch"];
    check_option(context, "fsGroupChangePolicy", &CHANGE, path, errors);
    check_seccomp(context.sub("seccompProfile"), &path.child("seccompProfile"), errors);
    check_apparmor(context.sub("appArmorProfile"), &path.child("appArmorProfile"), errors);
    check_option(context, "supplementalGroupsPolicy", &["Merge", "Strict"], path, errors);
    check_option(context, "seLinuxChangePolicy", &["MountOption", "Recursive"], path, errors);
}

fn is_sysctl(name: &str) -> bool {
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.first().copied().is_some_and(plain)
            && bytes.last().copied().is_some_and(plain)
            && bytes.iter().all(|byte| plain(*byte) || b"-_".contains(byte))
    };
    name.len() <= SUBDOMAIN_MAX && name.split(['.', '/']).all(part)
}

fn check_sysctls(sysctls: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, sysctl) in sysctls.iter().enumerate() {
        let (path, name) = (path.index(i), sysctl.text("name"));
        let path = path.child("name");
        if name.is_empty() {
            errors.required(&path, "");
        } else if !is_sysctl(name) {
            let detail =
                format!("must have at most {SUBDOMAIN_MAX} characters and match regex {SYSCTL}");
            errors.invalid(&path, name, detail);
        } else if sysctls[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path, name, "");
        }
    }
}

fn check_seccomp(profile: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if profile.is_null() {
        return;
    }
    let (kind, local) = (profile.text("type"), profile.sub("localhostProfile").as_str());
    match kind {
        "" => errors.required(&path.child("type"), "type is required when seccompProfile is set"),
        known if PROFILES.contains(&known) => {}
        other => errors.unsupported(&path.child("type"), other, &PROFILES),
    }
    let path = path.child("localhostProfile");
    match (kind == "Localhost", local) {
        (true, None) => errors.required(&path, "must be set when seccomp type is Localhost"),
        (true, Some(local)) => check_descending(local, &path, errors),
        (false, Some(_)) => {
            let shown = format!(
                "{{\"Type\":{},\"LocalhostProfile\":{}}}",
                profile.sub("type"),
                profile.sub("localhostProfile")
            );
            let detail = "can only be set when seccomp type is Localhost";
            errors.invalid(&path, Verbatim(shown), detail);
        }
        (false, None) => {}
    }
}

fn check_apparmor(profile: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    const NEEDED: &str = "must be set when AppArmor type is Localhost";
    if profile.is_null() {
        return;
    }
    let at = path.child("localhostProfile");
    let local = profile.sub("localhostProfile").as_str();
    match (profile.text("type"), local) {
        ("Localhost", None) => errors.required(&at, NEEDED),
        ("Localhost", Some(name)) if name.trim() != name => {
            errors.invalid(&at, name, "must not be padded with whitespace");
        }
        ("Localhost", Some("")) => errors.required(&at, NEEDED),
        ("Localhost", Some(name)) if name.len() > PROFILE_MAX => errors.too_long(&at, PROFILE_MAX),
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            errors.invalid(&at, name, "can only be set when AppArmor type is Localhost");
        }
        ("", _) => {
            errors.required(&path.child("type"), "type is required when appArmorProfile is set");
        }
        (known, _) if PROFILES.contains(&known) => {}
        (other, _) => errors.unsupported(&path.child("type"), other, &PROFILES),
    }
}

/// Checks the security context of a container.
pub(super) fn check_container(
    context: &Json,
    host_users: bool,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    if context.is_null() {
        return;
    }
    check_id(context, "runAsUser", path, errors);
    check_id(context, "runAsGroup", path, errors);
    check_option(context, "procMount", &["Default", "Unmasked"], path, errors);
    if host_users && context.text("procMount") == "Unmasked" {
        const DETAIL: &str = "`hostUsers` must be false to use `Unmasked`";
        errors.invalid(&path.child("procMount"), "Unmasked", DETAIL);
    }
    check_seccomp(context.sub("seccompProfile"), &path.child("seccompProfile"), errors);
    check_escalation(context, path, errors);
    check_apparmor(context.sub("appArmorProfile"), &path.child("appArmorProfile"), errors);
}

fn check_escalation(context: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if context.sub("allowPrivilegeEscalation").as_bool() != Some(false) {
        return;
    }
    if context.flag("privileged") {
        const DETAIL: &str =
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.invalid(path, Verbatim(shown(context)), DETAIL);
    }
    if context.sub("capabilities").texts("add").any(|name| name == "CAP_SYS_ADMIN") {
        const DETAIL: &str =
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        errors.invalid(path, Verbatim(shown(context)), DETAIL);
    }
}

/// A context as messages show it: all fields, in the order of their declaration.
fn shown(context: &Json) -> String {
    let field = |name: &&str| {
        let (first, rest) = name.split_at(1);
        let title = if *name == "seLinuxOptions" {
            "SELinuxOptions".to_owned()
        } else {
            format!("{}{rest}", first.to_uppercase())
        };
        format!("\"{title}\":{}", context.sub(name))
    };
    format!("{{{}}}", CONTEXT_FIELDS.iter().map(field).collect::<Vec<_>>().join(","))
}
