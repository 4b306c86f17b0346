//! When a CronJob is due.

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// How many missed start times are worth a warning; counting ends there.
const MANY_MISSED: usize = 100;

/// When a CronJob is due.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    rule: Rule,
    zone: TimeZone,
}

#[derive(Clone, Debug)]
enum Rule {
    Cron(Box<croner::Cron>),
    /// `@every 1h30m`: so long after the last time.
    Every(SignedDuration),
}

/// Why a schedule cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScheduleError {
    /// The schedule itself.
    #[error("unparseable schedule: {text:?} : {why}")]
    Unparseable {
        /// The schedule.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// The time zone.
    #[error("invalid timeZone: {zone:?}: unknown time zone {zone}")]
    UnknownZone {
        /// The time zone.
        zone: String,
    },
}

impl ScheduleError {
    /// The reason of the event that reports this.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Unparseable { .. } => "UnparseableSchedule",
            Self::UnknownZone { .. } => "UnknownTimeZone",
        }
    }
}

/// What a schedule says about a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The newest start time that has come and was not used.
    pub missed: Option<Timestamp>,
    /// Whether there are too many older ones besides it.
    pub too_many: bool,
    /// The next start time to come.
    pub next: Option<Timestamp>,
}

impl Schedule {
    /// Parses a schedule; without a zone it is in UTC.
    pub(super) fn parse(text: &str, zone: Option<&str>) -> Result<Self, ScheduleError> {
        let unparseable = |why: String| ScheduleError::Unparseable { text: text.into(), why };
        let zone = match zone {
            None | Some("") => TimeZone::UTC,
            Some(name) => {
                TimeZone::get(name).map_err(|_| ScheduleError::UnknownZone { zone: name.into() })?
            }
        };
        let rule = match text.strip_prefix("@every ") {
            Some(every) => {
                let every = every.trim().parse::<SignedDuration>();
                let every = every.map_err(|error| unparseable(error.to_string()))?;
                Rule::Every(every.max(SignedDuration::from_secs(1)))
            }
            None => {
                let parser = CronParser::builder().seconds(Seconds::Disallowed);
                let cron = parser.year(Year::Disallowed).build().parse(text);
                Rule::Cron(Box::new(cron.map_err(|error| unparseable(error.to_string()))?))
            }
        };
        Ok(Self { rule, zone })
    }

    /// What is due at `now`, where `since` is the last start or the earliest possible one.
    pub(super) fn due(&self, since: Timestamp, now: Timestamp) -> Due {
        let missed = self.newest(since, now);
        let mut count = 0;
        let mut at = since;
        while count <= MANY_MISSED
            && let Some(next) = self.after(at).filter(|next| *next <= now)
        {
            (at, count) = (next, count + 1);
        }
        let next = self.after(missed.unwrap_or(since).max(now));
        Due { missed, too_many: count > MANY_MISSED, next }
    }

    /// The newest start time after `since` and not after `now`.
    fn newest(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let newest = match &self.rule {
            Rule::Cron(cron) => {
                cron.find_previous_occurrence(&self.zoned(now), true).ok()?.timestamp()
            }
            Rule::Every(every) => {
                let steps = now.duration_since(since).as_secs() / every.as_secs();
                since.checked_add(every.checked_mul(i32::try_from(steps).ok()?)?).ok()?
            }
        };
        Some(newest).filter(|newest| *newest > since)
    }

    /// The first start time after `at`.
    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.rule {
            Rule::Cron(cron) => {
                Some(cron.find_next_occurrence(&self.zoned(at), false).ok()?.timestamp())
            }
            Rule::Every(every) => at.checked_add(*every).ok(),
        }
    }

    /// A time as people of the schedule's zone write it.
    pub(super) fn text(&self, at: Timestamp) -> String {
        let text = self.zoned(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        text.strip_suffix("+00:00").map_or(text.clone(), |utc| format!("{utc}Z"))
    }

    fn zoned(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_newest_missed_time_counts_and_the_next_one_is_known() {
        let day = "2026-01-01T";
        let time = |text: &str| at(&format!("{day}{text}Z"));
        let cases = [
            ("* * * * *", "00:00:30", "00:00:50", None, "00:01:00"),
            ("* * * * *", "00:00:30", "00:01:00", Some("00:01:00"), "00:02:00"),
            ("*/15 * * * *", "00:00:00", "01:10:00", Some("01:00:00"), "01:15:00"),
            ("@hourly", "00:00:00", "00:59:59", None, "01:00:00"),
            ("@every 90s", "00:00:10", "00:04:00", Some("00:03:10"), "00:05:30"),
        ];
        for (text, since, now, missed, next) in cases {
            let schedule = Schedule::parse(text, None).unwrap();
            let due = schedule.due(time(since), time(now));
            assert_eq!((due.missed, due.too_many), (missed.map(time), false), "{text}");
            if text.starts_with("@every") {
                continue;
            }
            assert_eq!(due.next, Some(time(next)), "{text}");
        }
    }

    #[test]
    fn many_missed_times_are_told() {
        let schedule = Schedule::parse("* * * * *", None).unwrap();
        let due = schedule.due(at("2026-01-01T00:00:00Z"), at("2026-01-01T02:00:00Z"));
        assert!(due.too_many);
        assert_eq!(due.missed, Some(at("2026-01-01T02:00:00Z")));
    }

    #[test]
    fn zones_move_the_hour_and_mistakes_have_reasons() {
        let berlin = Schedule::parse("0 9 * * *", Some("Europe/Berlin")).unwrap();
        let due = berlin.due(at("2026-07-01T00:00:00Z"), at("2026-07-01T12:00:00Z"));
        assert_eq!(due.missed, Some(at("2026-07-01T07:00:00Z")));
        assert_eq!(berlin.text(due.missed.unwrap()), "2026-07-01T09:00:00+02:00");
        let utc = Schedule::parse("0 9 * * *", None).unwrap();
        assert_eq!(utc.text(at("2026-07-01T09:00:00Z")), "2026-07-01T09:00:00Z");
        let reason = |text, zone| Schedule::parse(text, zone).unwrap_err().reason();
        assert_eq!(reason("61 * * * *", None), "UnparseableSchedule");
        assert_eq!(reason("* * * * *", Some("Mars/Base")), "UnknownTimeZone");
    }
}
