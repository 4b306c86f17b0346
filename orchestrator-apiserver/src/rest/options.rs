//! The options of writes: which values are taken.

use orchestrator_core::field::{FieldError, FieldErrors, Path};
use orchestrator_core::request::Options;
use orchestrator_core::resource::GroupKind;
use orchestrator_core::{Json, Status};

/// The longest name of a field manager.
const MAX_MANAGER_BYTES: usize = 128;

/// What is done with unknown and duplicate fields of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    /// Nothing.
    Ignore,
    /// They are told of in warnings.
    Warn,
    /// They are errors.
    Strict,
}

impl FieldValidation {
    /// The option of a request whose options have been checked.
    pub(crate) fn of(options: &Options) -> Self {
        match options.field_validation.as_str() {
            "Ignore" => Self::Ignore,
            "Strict" => Self::Strict,
            _ => Self::Warn,
        }
    }
}

/// Checks the options of a create.
pub(crate) fn check_create(options: &Options) -> Result<(), Status> {
    finish("CreateOptions", common(options))
}

/// Checks the options of an update.
pub(crate) fn check_update(options: &Options) -> Result<(), Status> {
    finish("UpdateOptions", common(options))
}

/// Checks the options of a patch.
pub(crate) fn check_patch(options: &Options, is_apply: bool) -> Result<(), Status> {
    let mut errors = FieldErrors::new();
    if is_apply {
        if options.field_manager.is_empty() {
            let why = "is required for apply patch";
            errors.push(FieldError::required(&Path::new("fieldManager"), why));
        }
    } else if options.force.is_some() {
        let why = "may not be specified for non-apply patch";
        errors.push(FieldError::forbidden(&Path::new("force"), why));
    }
    errors.append(&mut common(options));
    finish("PatchOptions", errors)
}

/// Checks the options of a deletion.
pub(crate) fn check_delete(options: &Options) -> Result<(), Status> {
    let mut errors = FieldErrors::new();
    let path = Path::new("propagationPolicy");
    let policy = options.propagation_policy.as_str();
    if !policy.is_empty() && options.orphan_dependents.is_some() {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        errors.push(FieldError::invalid(&path, &Json::from(policy), why));
    }
    if !matches!(policy, "" | "Foreground" | "Background" | "Orphan") {
        let known = ["Foreground", "Background", "Orphan", "nil"];
        errors.push(FieldError::not_supported(&path, &Json::from(policy), &known));
    }
    dry_run(options, &mut errors);
    finish("DeleteOptions", errors)
}

/// Checks the options of a list.
pub(crate) fn check_list(options: &Options) -> Result<(), Status> {
    let (path, wanted) = (Path::new("resourceVersionMatch"), &options.resource_version_match);
    let mut errors = FieldErrors::new();
    if !wanted.is_empty() {
        if options.resource_version.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if !options.continue_token.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if !matches!(wanted.as_str(), "Exact" | "NotOlderThan") {
            let known = ["Exact", "NotOlderThan", ""];
            errors.push(FieldError::not_supported(&path, &Json::from(wanted.as_str()), &known));
        }
        if wanted == "Exact" && options.resource_version == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(&path, why));
        }
    }
    if options.send_initial_events.is_some() {
        let path = Path::new("sendInitialEvents");
        errors.push(FieldError::forbidden(&path, "sendInitialEvents is forbidden for list"));
    }
    finish("ListOptions", errors)
}

/// Checks the options of a watch.
pub(crate) fn check_watch(options: &Options) -> Result<(), Status> {
    let (path, wanted) = (Path::new("resourceVersionMatch"), &options.resource_version_match);
    let mut errors = FieldErrors::new();
    if options.send_initial_events.is_some() && wanted != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(&path, why));
    }
    if !wanted.is_empty() {
        if options.send_initial_events.is_none() {
            let why =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
        if wanted != "NotOlderThan" {
            let known = ["NotOlderThan"];
            errors.push(FieldError::not_supported(&path, &Json::from(wanted.as_str()), &known));
        }
        if !options.continue_token.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&path, why));
        }
    }
    finish("ListOptions", errors)
}

/// What all writes of objects share.
fn common(options: &Options) -> FieldErrors {
    let mut errors = field_manager(&options.field_manager);
    dry_run(options, &mut errors);
    if !matches!(options.field_validation.as_str(), "" | "Ignore" | "Strict" | "Warn") {
        let value = Json::from(options.field_validation.as_str());
        let known = ["", "Ignore", "Strict", "Warn"];
        errors.push(FieldError::not_supported(&Path::new("fieldValidation"), &value, &known));
    }
    errors
}

fn field_manager(manager: &str) -> FieldErrors {
    let path = Path::new("fieldManager");
    let mut errors = FieldErrors::new();
    if manager.len() > MAX_MANAGER_BYTES {
        errors.push(FieldError::too_long(&path, MAX_MANAGER_BYTES));
    }
    let odd = manager.chars().enumerate().find(|(_, letter)| letter.is_control());
    if let Some((place, letter)) = odd {
        let why = format!("invalid character U+{:04X} (at position {place})", u32::from(letter));
        errors.push(FieldError::invalid(&path, &Json::from(manager), why));
    }
    errors
}

fn dry_run(options: &Options, errors: &mut FieldErrors) {
    if options.dry_run.iter().any(|value| value != "All") {
        let value = Json::from(options.dry_run.clone());
        errors.push(FieldError::not_supported(&Path::new("dryRun"), &value, &["All"]));
    }
}

fn finish(kind: &'static str, errors: FieldErrors) -> Result<(), Status> {
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Status::invalid(&GroupKind::new("meta.k8s.io", kind), "", &errors)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<(), Status>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn unknown_values_are_refused_in_the_words_that_clients_know() {
        let dry = Options { dry_run: vec!["Some".into()], ..Options::default() };
        let wanted = "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: \
                      [\"Some\"]: supported values: \"All\"";
        assert_eq!(refused(check_create(&dry)), wanted);
        let manager = Options { field_manager: "a\nb".into(), ..Options::default() };
        let wanted = "UpdateOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \
                      \"a\\nb\": invalid character U+000A (at position 1)";
        assert_eq!(refused(check_update(&manager)), wanted);
        let policy = Options { propagation_policy: "X".into(), ..Options::default() };
        assert!(refused(check_delete(&policy)).contains("Unsupported value: \"X\""));
        assert!(check_create(&Options::default()).is_ok());
    }

    #[test]
    fn force_belongs_to_apply_and_apply_needs_a_manager() {
        let force = Options { force: Some(true), ..Options::default() };
        assert!(refused(check_patch(&force, false)).contains("force: Forbidden"));
        assert!(refused(check_patch(&force, true)).contains("fieldManager: Required value"));
        let named = Options { field_manager: "m".into(), ..force };
        assert!(check_patch(&named, true).is_ok());
    }

    #[test]
    fn initial_events_belong_to_watches_that_say_how_old_they_may_be() {
        let events = Options { send_initial_events: Some(true), ..Options::default() };
        assert!(refused(check_list(&events)).contains("sendInitialEvents is forbidden for list"));
        assert!(refused(check_watch(&events)).contains("requires setting"));
        let matched = Options { resource_version_match: "NotOlderThan".into(), ..events };
        assert!(check_watch(&matched).is_ok());
        let exact = Options { resource_version_match: "Exact".into(), ..Options::default() };
        assert!(refused(check_list(&exact)).contains("unless resourceVersion is provided"));
    }
}
