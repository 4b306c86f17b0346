//! Taints of nodes, and the pods that bear them.

use k8s_openapi::api::core::v1::{Taint, Toleration};

/// The effects of taints.
pub mod effects {
    /// New pods keep away.
    pub const NO_SCHEDULE: &str = "NoSchedule";
    /// New pods keep away if they can.
    pub const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";
    /// All pods keep away.
    pub const NO_EXECUTE: &str = "NoExecute";
}

/// Whether one of `tolerations` bears `taint`.
pub fn tolerates(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|toleration| bears(toleration, taint))
}

/// The first taint that keeps new pods away and is not borne.
pub fn first_untolerated<'a>(taints: &'a [Taint], tolerations: &[Toleration]) -> Option<&'a Taint> {
    taints.iter().find(|taint| {
        matches!(taint.effect.as_str(), effects::NO_SCHEDULE | effects::NO_EXECUTE)
            && !tolerates(tolerations, taint)
    })
}

/// How many taints of an effect are not borne.
pub fn untolerated(taints: &[Taint], effect: &str, tolerations: &[Toleration]) -> usize {
    taints.iter().filter(|t| t.effect == effect && !tolerates(tolerations, t)).count()
}

/// Whether a toleration bears a taint: what it leaves out, it bears all of.
fn bears(toleration: &Toleration, taint: &Taint) -> bool {
    let covers = |stated: &Option<String>, actual: &str| {
        stated.as_deref().is_none_or(|stated| stated.is_empty() || stated == actual)
    };
    if !covers(&toleration.effect, &taint.effect) || !covers(&toleration.key, &taint.key) {
        return false;
    }
    let bound = toleration.value.as_deref().unwrap_or_default();
    let value = taint.value.as_deref().unwrap_or_default();
    match toleration.operator.as_deref() {
        None | Some("" | "Equal") => bound == value,
        Some("Exists") => true,
        Some("Lt") => compared(value, bound, i64::lt),
        Some("Gt") => compared(value, bound, i64::gt),
        Some(_) => false,
    }
}

/// Compares two numbers; what is no number compares as false.
fn compared(value: &str, bound: &str, compare: fn(&i64, &i64) -> bool) -> bool {
    match (integer(value), integer(bound)) {
        (Some(value), Some(bound)) => compare(&value, &bound),
        _ => false,
    }
}

/// A decimal integer without a plus sign or leading zeros.
fn integer(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(text: &str) -> Taint {
        let (key, rest) = text.split_once('=').unwrap();
        let (value, effect) = rest.split_once(':').unwrap();
        Taint {
            key: key.into(),
            value: Some(value.into()),
            effect: effect.into(),
            time_added: None,
        }
    }

    fn toleration(key: &str, operator: &str, value: &str, effect: &str) -> Toleration {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Toleration {
            key: some(key),
            operator: some(operator),
            value: some(value),
            effect: some(effect),
            toleration_seconds: None,
        }
    }

    #[test]
    fn a_toleration_bears_what_it_does_not_exclude() {
        let taint = taint("level=5:NoSchedule");
        for (key, operator, value, effect, expected) in [
            ("level", "Equal", "5", "NoSchedule", true),
            ("level", "", "5", "", true),
            ("level", "Equal", "6", "", false),
            ("level", "Exists", "", "NoExecute", false),
            ("", "Exists", "", "", true),
            ("other", "Exists", "", "", false),
            ("level", "Lt", "6", "", true),
            ("level", "Lt", "5", "", false),
            ("level", "Gt", "4", "", true),
            ("level", "Gt", "x", "", false),
        ] {
            let tolerations = [toleration(key, operator, value, effect)];
            assert_eq!(tolerates(&tolerations, &taint), expected, "{key} {operator} {value}");
        }
    }

    #[test]
    fn only_hard_effects_keep_pods_away() {
        let taints = [taint("a=:PreferNoSchedule"), taint("b=:NoExecute")];
        assert_eq!(first_untolerated(&taints, &[]).map(|t| t.key.as_str()), Some("b"));
        assert!(first_untolerated(&taints, &[toleration("b", "Exists", "", "")]).is_none());
        assert_eq!(untolerated(&taints, effects::PREFER_NO_SCHEDULE, &[]), 1);
    }
}
