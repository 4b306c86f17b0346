//! How far and how fast a target may change: bounds, stabilisation, and the rates of policies.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior,
};

/// How long a target waits before it shrinks, where nobody says.
const SHRINK_WINDOW_S: i32 = 300;
/// Without a behaviour a target at most doubles, or grows to this.
const GROWTH_MIN: i32 = 4;

/// What was recommended and done lately for one target; forgotten when the process ends, as
/// upstream.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    recommendations: Vec<(Timestamp, i32)>,
    ups: Vec<(Timestamp, i32)>,
    downs: Vec<(Timestamp, i32)>,
}

/// The bounds of a target and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a> {
    pub current: i32,
    pub min: i32,
    pub max: i32,
    pub behavior: Option<&'a HorizontalPodAutoscalerBehavior>,
}

/// A condition's status, reason and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub holds: bool,
    pub reason: &'static str,
    pub message: &'static str,
}

/// What a recommendation becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limited {
    pub replicas: i32,
    /// Of the condition `AbleToScale`.
    pub able: Verdict,
    /// Of the condition `ScalingLimited`.
    pub limited: Verdict,
}

impl Memory {
    /// Remembers that a target was started with so many replicas: nothing was recommended before.
    pub(super) fn begin(&mut self, now: Timestamp, current: i32) {
        if self.recommendations.is_empty() {
            self.recommendations.push((now, current));
        }
    }

    /// Remembers a change of the number of replicas.
    pub(super) fn scaled(&mut self, bounds: &Bounds<'_>, now: Timestamp, to: i32) {
        let Some(behavior) = bounds.behavior else { return };
        let (events, rules, change) = match to > bounds.current {
            true => (&mut self.ups, behavior.scale_up.as_ref(), to - bounds.current),
            false => (&mut self.downs, behavior.scale_down.as_ref(), bounds.current - to),
        };
        let longest = policies(rules).map(|policy| policy.period_seconds).max().unwrap_or(0);
        events.retain(|(at, _)| !is_before(*at, now, longest));
        events.push((now, change));
    }

    /// Keeps a recommendation within what may be done now.
    pub(super) fn limit(&mut self, bounds: &Bounds<'_>, now: Timestamp, wanted: i32) -> Limited {
        let (stable, held) = self.stabilize(bounds, now, wanted);
        let able = match stable != wanted {
            true => held,
            false => Verdict {
                holds: true,
                reason: "ReadyForNewScale",
                message: "recommended size matches current size",
            },
        };
        let (replicas, reason, message) = match bounds.behavior {
            None => by_growth(bounds, stable),
            Some(behavior) => self.by_rates(bounds, behavior, now, stable),
        };
        let limited = Verdict { holds: replicas != stable, reason, message };
        Limited { replicas, able, limited }
    }

    /// The recommendation that stands when those of the window are heard too: growth waits for
    /// the lowest, shrinking for the highest.
    fn stabilize(&mut self, bounds: &Bounds<'_>, now: Timestamp, wanted: i32) -> (i32, Verdict) {
        let window = |rules: Option<&HPAScalingRules>, default| {
            rules.and_then(|rules| rules.stabilization_window_seconds).unwrap_or(default)
        };
        let behavior = bounds.behavior;
        let up = window(behavior.and_then(|b| b.scale_up.as_ref()), 0);
        let down = window(behavior.and_then(|b| b.scale_down.as_ref()), SHRINK_WINDOW_S);
        let within = |seconds| {
            let recent =
                self.recommendations.iter().filter(move |(at, _)| is_after(*at, now, seconds));
            recent.map(|(_, replicas)| *replicas)
        };
        let highest = within(down).fold(wanted, i32::max);
        let stable = match behavior {
            None => highest,
            Some(_) => {
                let lowest = within(up).fold(wanted, i32::min);
                bounds.current.max(lowest).min(highest)
            }
        };
        self.recommendations.retain(|(at, _)| is_after(*at, now, up.max(down)));
        self.recommendations.push((now, wanted));
        (stable, stabilized(behavior.is_some() && wanted >= bounds.current))
    }

    /// The recommendation within the rates of the policies.
    fn by_rates(
        &self,
        bounds: &Bounds<'_>,
        behavior: &HorizontalPodAutoscalerBehavior,
        now: Timestamp,
        wanted: i32,
    ) -> (i32, &'static str, &'static str) {
        let Bounds { current, min, max, .. } = *bounds;
        if wanted > current {
            let rate = self.most(current, behavior.scale_up.as_ref(), now).max(current);
            if rate < max && wanted > rate {
                return (rate, GROWS_TOO_FAST.0, GROWS_TOO_FAST.1);
            }
            if wanted > max {
                return (max, TOO_MANY.0, TOO_MANY.1);
            }
        } else if wanted < current {
            let rate = self.least(current, behavior.scale_down.as_ref(), now).min(current);
            if rate > min && wanted < rate {
                return (rate, SHRINKS_TOO_FAST.0, SHRINKS_TOO_FAST.1);
            }
            if wanted < min {
                return (min, TOO_FEW.0, TOO_FEW.1);
            }
        }
        (wanted, WITHIN.0, WITHIN.1)
    }

    /// How many replicas there were a period ago.
    fn before(&self, current: i32, period: i32, now: Timestamp) -> i32 {
        let sum = |events: &[(Timestamp, i32)]| -> i32 {
            let recent = events.iter().filter(|(at, _)| is_after(*at, now, period));
            recent.fold(0, |sum, (_, change)| sum.saturating_add(*change))
        };
        current.saturating_sub(sum(&self.ups)).saturating_add(sum(&self.downs))
    }

    /// How many replicas the policies let the target grow to.
    fn most(&self, current: i32, rules: Option<&HPAScalingRules>, now: Timestamp) -> i32 {
        let proposed = policies(rules).map(|policy| {
            let before = self.before(current, policy.period_seconds, now);
            match policy.type_.as_str() {
                "Pods" => before.saturating_add(policy.value),
                _ => whole((f64::from(before) * (1.0 + f64::from(policy.value) / 100.0)).ceil()),
            }
        });
        match selection(rules) {
            "Disabled" => current,
            "Min" => proposed.min().unwrap_or(i32::MAX),
            _ => proposed.max().unwrap_or(i32::MIN),
        }
    }

    /// How few replicas the policies let the target shrink to.
    fn least(&self, current: i32, rules: Option<&HPAScalingRules>, now: Timestamp) -> i32 {
        let proposed = policies(rules).map(|policy| {
            let before = self.before(current, policy.period_seconds, now);
            match policy.type_.as_str() {
                "Pods" => before.saturating_sub(policy.value),
                _ => whole((f64::from(before) * (1.0 - f64::from(policy.value) / 100.0)).trunc()),
            }
        });
        match selection(rules) {
            "Disabled" => current,
            "Min" => proposed.max().unwrap_or(i32::MIN),
            _ => proposed.min().unwrap_or(i32::MAX),
        }
    }
}

const TOO_MANY: (&str, &str) =
    ("TooManyReplicas", "the desired replica count is more than the maximum replica count");
const TOO_FEW: (&str, &str) =
    ("TooFewReplicas", "the desired replica count is less than the minimum replica count");
const GROWS_TOO_FAST: (&str, &str) =
    ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
const SHRINKS_TOO_FAST: (&str, &str) = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
);
const WITHIN: (&str, &str) =
    ("DesiredWithinRange", "the desired count is within the acceptable range");

fn stabilized(up: bool) -> Verdict {
    let (reason, message) = match up {
        true => (
            "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent recommendation",
        ),
        false => (
            "ScaleDownStabilized",
            "recent recommendations were higher than current one, applying the highest recent recommendation",
        ),
    };
    Verdict { holds: true, reason, message }
}

/// The recommendation within the bounds and the growth of a target without a behaviour.
fn by_growth(bounds: &Bounds<'_>, wanted: i32) -> (i32, &'static str, &'static str) {
    let rate = bounds.current.saturating_mul(2).max(GROWTH_MIN);
    if wanted < bounds.min {
        (bounds.min, TOO_FEW.0, TOO_FEW.1)
    } else if wanted > rate && bounds.max > rate {
        (rate, GROWS_TOO_FAST.0, GROWS_TOO_FAST.1)
    } else if wanted > bounds.max {
        (bounds.max, TOO_MANY.0, TOO_MANY.1)
    } else {
        (wanted, WITHIN.0, WITHIN.1)
    }
}

fn policies(rules: Option<&HPAScalingRules>) -> impl Iterator<Item = &HPAScalingPolicy> {
    rules.and_then(|rules| rules.policies.as_deref()).unwrap_or_default().iter()
}

fn selection(rules: Option<&HPAScalingRules>) -> &str {
    rules.and_then(|rules| rules.select_policy.as_deref()).unwrap_or("Max")
}

fn seconds_ago(now: Timestamp, seconds: i32) -> Timestamp {
    let ago = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    now.checked_sub(ago).unwrap_or(Timestamp::MIN)
}

fn is_after(at: Timestamp, now: Timestamp, seconds: i32) -> bool {
    at > seconds_ago(now, seconds)
}

fn is_before(at: Timestamp, now: Timestamp, seconds: i32) -> bool {
    at < seconds_ago(now, seconds)
}

/// A number of replicas; far beyond any is as good as the most there can be.
pub(super) fn whole(number: f64) -> i32 {
    // A cast of a float saturates.
    number as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn behavior(value: Value) -> HorizontalPodAutoscalerBehavior {
        serde_json::from_value(value).unwrap()
    }

    fn bounds(current: i32, behavior: Option<&HorizontalPodAutoscalerBehavior>) -> Bounds<'_> {
        Bounds { current, min: 2, max: 20, behavior }
    }

    #[test]
    fn without_a_behaviour_a_target_doubles_at_most_and_shrinks_after_five_minutes() {
        let mut memory = Memory::default();
        let grown = memory.limit(&bounds(3, None), at(0), 100);
        assert_eq!((grown.replicas, grown.limited.reason), (6, "ScaleUpLimit"));
        let full = memory.limit(&bounds(15, None), at(1), 100);
        assert_eq!((full.replicas, full.limited.reason), (20, "TooManyReplicas"));
        let mut memory = Memory::default();
        memory.limit(&bounds(10, None), at(0), 10);
        let held = memory.limit(&bounds(10, None), at(100), 1);
        assert_eq!((held.replicas, held.able.reason), (10, "ScaleDownStabilized"));
        let freed = memory.limit(&bounds(10, None), at(301), 1);
        assert_eq!((freed.replicas, freed.limited.reason), (2, "TooFewReplicas"));
        assert_eq!(freed.able.reason, "ReadyForNewScale");
    }

    #[test]
    fn policies_bound_the_rate_of_change() {
        let up = |select: &str| {
            behavior(json!({"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": select,
                "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60},
                    {"type": "Percent", "value": 100, "periodSeconds": 60}]}}))
        };
        for (select, current, want) in
            [("Max", 2, 6), ("Min", 2, 4), ("Disabled", 2, 2), ("Max", 8, 16), ("Min", 8, 12)]
        {
            let behavior = up(select);
            let got = Memory::default().limit(&bounds(current, Some(&behavior)), at(0), 100);
            assert_eq!(got.replicas, want, "{select} {current}");
        }
        let behavior = up("Min");
        let mut memory = Memory::default();
        memory.scaled(&bounds(2, Some(&behavior)), at(0), 4);
        let soon = memory.limit(&bounds(4, Some(&behavior)), at(30), 100);
        assert_eq!((soon.replicas, soon.limited.reason), (4, "ScaleUpLimit"));
        let later = memory.limit(&bounds(4, Some(&behavior)), at(61), 100);
        assert_eq!(later.replicas, 8);
    }

    #[test]
    fn growth_may_wait_too() {
        let behavior = behavior(json!({"scaleUp": {"stabilizationWindowSeconds": 60}}));
        let mut memory = Memory::default();
        memory.limit(&bounds(3, Some(&behavior)), at(0), 3);
        let held = memory.limit(&bounds(3, Some(&behavior)), at(10), 9);
        assert_eq!((held.replicas, held.able.reason), (3, "ScaleUpStabilized"));
    }

    proptest! {
        #[test]
        fn the_outcome_is_within_the_bounds_and_between_present_and_wish(
            current in 2i32..=20, wishes in prop::collection::vec((0i64..600, 0i32..40), 1..8),
            percent in 1i32..200, pods in 1i32..10, with in any::<bool>(),
        ) {
            let policies = json!([{"type": "Percent", "value": percent, "periodSeconds": 60},
                {"type": "Pods", "value": pods, "periodSeconds": 30}]);
            let behavior = behavior(json!({"scaleUp": {"policies": policies},
                "scaleDown": {"policies": policies, "stabilizationWindowSeconds": 30}}));
            let mut memory = Memory::default();
            let (mut now, mut current) = (0, current);
            for (wait, wish) in wishes {
                now += wait;
                let bounds = bounds(current, with.then_some(&behavior));
                let got = memory.limit(&bounds, at(now), wish).replicas;
                prop_assert!((2..=20).contains(&got));
                prop_assert!(got <= current.max(wish).max(2) || !with);
                if got != current {
                    memory.scaled(&bounds, at(now), got);
                    current = got;
                }
            }
        }
    }
}
