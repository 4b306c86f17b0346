//! Durations as people read them: `45s`, `7m30s`, `3h`, `12d`, `2y40d`.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

/// What stands for a time that is not there.
const UNKNOWN: &str = "<unknown>";

/// The age of an object.
pub(super) fn of(object: &Object, now: Timestamp) -> Json {
    since(object.creation_timestamp(), now).into()
}

/// How long ago a time of an object was.
pub fn since(time: &str, now: Timestamp) -> String {
    match parse(time) {
        Some(time) => human(now.as_second() - time.as_second()),
        None => UNKNOWN.into(),
    }
}

/// A time as objects carry it.
pub(super) fn parse(time: &str) -> Option<Timestamp> {
    time.parse().ok()
}

/// A duration in two units at most; the second unit is left out once it says little.
pub(super) fn human(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".into();
    }
    let seconds = seconds.max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => pair(days, 'd', hours % 24, 'h'),
        () if days < 2 * 365 => format!("{days}d"),
        () if years < 8 => pair(years, 'y', days % 365, 'd'),
        () => format!("{years}y"),
    }
}

fn pair(first: i64, unit: char, second: i64, small: char) -> String {
    if second == 0 { format!("{first}{unit}") } else { format!("{first}{unit}{second}{small}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        const M: i64 = 60;
        const H: i64 = 60 * M;
        const D: i64 = 24 * H;
        let cases = [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (2 * M, "2m"),
            (9 * M + 59, "9m59s"),
            (10 * M + 5, "10m"),
            (179 * M, "179m"),
            (3 * H, "3h"),
            (7 * H + 5 * M, "7h5m"),
            (47 * H, "47h"),
            (2 * D + 3 * H, "2d3h"),
            (8 * D, "8d"),
            (700 * D, "700d"),
            (3 * 365 * D + 4 * D, "3y4d"),
            (9 * 365 * D, "9y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human(seconds), text, "{seconds}");
        }
        assert_eq!(since("", Timestamp::UNIX_EPOCH), "<unknown>");
    }
}
