//! Times as objects carry them: whole seconds.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_core::Env;

/// Now, as it reads after it was stored and read again.
pub(crate) fn now(env: &Env) -> Time {
    Time(Timestamp::from_second(env.now().as_second()).expect("the clock is within range"))
}

/// `time` and so many seconds more; the end of time where that is too far.
pub(crate) fn plus(time: &Time, seconds: i64) -> Timestamp {
    let duration = jiff::SignedDuration::from_secs(seconds);
    time.0.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// How long it is from `now` to `then`; `None` where that is past or now.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|wait| !wait.is_zero())
}

/// Of two waits the shorter one.
pub(crate) fn sooner(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A time in a test's words.
    pub(crate) fn at(text: &str) -> Time {
        Time(text.parse().unwrap())
    }

    #[test]
    fn waits_end_at_now_and_never_overflow() {
        let second = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(until(second(5), second(7)), Some(Duration::from_secs(2)));
        assert_eq!(until(second(7), second(7)), None);
        assert_eq!(until(second(8), second(7)), None);
        assert_eq!(plus(&Time(second(5)), 3), second(8));
        assert_eq!(plus(&Time(second(5)), i64::MAX), Timestamp::MAX);
        let s = Duration::from_secs;
        assert_eq!(sooner(Some(s(2)), Some(s(1))), Some(s(1)));
        assert_eq!(sooner(None, Some(s(1))), Some(s(1)));
    }
}
