//! The levels that a namespace's labels name.

use orchestrator_core::object::Object;

/// What the labels begin with.
const PREFIX: &str = "pod-security.kubernetes.io/";

/// A level and the version of its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// `privileged`, `baseline` or `restricted`.
    pub(super) name: String,
    /// As in `v1.30`; shown only, since the rules here are those of the newest version.
    pub(super) version: String,
}

/// What a namespace enforces, and what it warns of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    /// Pods that break it are refused.
    pub(super) enforce: Level,
    /// Whoever makes pods that break it is warned.
    pub(super) warn: Level,
}

impl Policy {
    /// The policy of `namespace`; what is not warned of by itself is warned of as enforced.
    pub(super) fn of(namespace: &Object) -> Self {
        let enforce = level(namespace, "enforce")
            .unwrap_or_else(|| Level { name: "privileged".into(), version: "latest".into() });
        let warn = level(namespace, "warn").unwrap_or_else(|| enforce.clone());
        Self { enforce, warn }
    }
}

fn level(namespace: &Object, mode: &str) -> Option<Level> {
    let name = namespace.label(&format!("{PREFIX}{mode}"))?;
    let version = namespace.label(&format!("{PREFIX}{mode}-version")).unwrap_or("latest");
    Some(Level { name: name.to_owned(), version: version.to_owned() })
}
