//! Stages: what a simulated container does, and when.
//!
//! A pod declares them by annotations. `simulate.orchestrator/<stage>` holds for all of its
//! containers, `<container>.simulate.orchestrator/<stage>` for one and goes first:
//!
//! | stage | value | meaning | default |
//! |---|---|---|---|
//! | `pull` | span | how long the image takes | `0s` |
//! | `pull-error` | text | why it cannot be pulled | |
//! | `start` | span | how long a start takes | `0s` |
//! | `start-error` | text | why it does not start | |
//! | `run` | span | how long it runs | for ever |
//! | `exit-code` | number | how it ends then | `0` |
//! | `failures` | number | how many runs end so; later ones run for ever | all |
//! | `stop` | span | how long it takes to end when asked | `0s` |
//! | `ready-after` | span | when its readiness and startup probes succeed | `0s` |
//! | `unhealthy-after` | span | when its liveness probe fails | never |
//! | `log` | text | what it writes when it starts | |
//!
//! A span is `500ms`, `2s`, `3m`, `1h`, or a range of two such as `1s..3s`, from which each
//! container draws its own.

use std::collections::BTreeMap;
use std::time::Duration;

use orchestrator_core::Env;

/// The domain of the annotations that declare stages.
pub const ANNOTATION_DOMAIN: &str = "simulate.orchestrator";

/// What a container does, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stages {
    /// How long the image takes.
    pub pull: Span,
    /// Why the image cannot be pulled.
    pub pull_error: Option<String>,
    /// How long a start takes.
    pub start: Span,
    /// Why it does not start.
    pub start_error: Option<String>,
    /// How long it runs; `None` for ever.
    pub run: Option<Span>,
    /// How it ends then.
    pub exit_code: i32,
    /// How many runs end so, before one runs for ever; `None` for all.
    pub failures: Option<u32>,
    /// How long it takes to end when it is asked.
    pub stop: Span,
    /// When readiness and startup probes succeed.
    pub ready_after: Span,
    /// When the liveness probe fails; `None` for never.
    pub unhealthy_after: Option<Span>,
    /// What it writes when it starts.
    pub log: String,
}

/// A span of time, or a range from which one is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Span {
    /// Exactly `span`.
    pub fn exactly(span: Duration) -> Self {
        Self { least: span, most: span }
    }

    /// One span of the range.
    pub fn draw(self, env: &Env) -> Duration {
        let range = self.most.saturating_sub(self.least);
        if range.is_zero() {
            return self.least;
        }
        self.least + Duration::from_secs_f64(range.as_secs_f64() * env.random_unit())
    }
}

/// Stages for the pods that carry certain labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The labels that a pod must carry; none for every pod.
    pub labels: BTreeMap<String, String>,
    /// What its containers do.
    pub stages: Stages,
}

impl Rule {
    /// Whether the rule holds for a pod with these labels.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// An annotation declares no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation {key} has an invalid value {value:?}")]
pub struct StagesError {
    /// The annotation.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Stages {
    /// These stages with those that the annotations declare for `container`.
    ///
    /// # Errors
    /// A value that cannot be read, or an unknown stage.
    pub fn with(
        mut self,
        annotations: &BTreeMap<String, String>,
        container: &str,
    ) -> Result<Self, StagesError> {
        let own = format!("{container}.{ANNOTATION_DOMAIN}");
        for domain in [ANNOTATION_DOMAIN, &own] {
            let declared = annotations.iter().filter_map(|(key, value)| {
                let (prefix, stage) = key.split_once('/')?;
                (prefix == domain).then_some((key, stage, value))
            });
            for (key, stage, value) in declared {
                self.declare(stage, value)
                    .ok_or_else(|| StagesError { key: key.clone(), value: value.clone() })?;
            }
        }
        Ok(self)
    }

    fn declare(&mut self, stage: &str, value: &str) -> Option<()> {
        match stage {
            "pull" => self.pull = parse_span(value)?,
            "pull-error" => self.pull_error = Some(value.to_owned()),
            "start" => self.start = parse_span(value)?,
            "start-error" => self.start_error = Some(value.to_owned()),
            "run" => self.run = Some(parse_span(value)?),
            "exit-code" => self.exit_code = value.parse().ok()?,
            "failures" => self.failures = Some(value.parse().ok()?),
            "stop" => self.stop = parse_span(value)?,
            "ready-after" => self.ready_after = parse_span(value)?,
            "unhealthy-after" => self.unhealthy_after = Some(parse_span(value)?),
            "log" => self.log = value.to_owned(),
            _ => return None,
        }
        Some(())
    }

    /// How long the run `attempt` lasts; `None` for ever.
    pub(super) fn run_of(&self, attempt: u32) -> Option<Span> {
        let ends = self.failures.is_none_or(|failures| attempt < failures);
        self.run.or(self.failures.map(|_| Span::default())).filter(|_| ends)
    }
}

fn parse_span(text: &str) -> Option<Span> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (parse_duration(least)?, parse_duration(most)?);
    (least <= most).then_some(Span { least, most })
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit_ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_container_s_own_annotation_goes_first() {
        let annotations = annotations(&[
            ("simulate.orchestrator/run", "2s"),
            ("b.simulate.orchestrator/run", "1s..3s"),
            ("other/run", "x"),
        ]);
        let run = |name| Stages::default().with(&annotations, name).unwrap().run.unwrap();
        assert_eq!(run("a"), Span::exactly(Duration::from_secs(2)));
        let range = Span { least: Duration::from_secs(1), most: Duration::from_secs(3) };
        assert_eq!(run("b"), range);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for (stage, value) in
            [("run", "2"), ("run", "s"), ("run", "3s..1s"), ("exit-code", "x"), ("rum", "2s")]
        {
            let key = format!("simulate.orchestrator/{stage}");
            let error = Stages::default().with(&annotations(&[(&key, value)]), "a").unwrap_err();
            assert_eq!(error.key, key);
        }
    }

    #[test]
    fn failures_end_and_the_next_run_lasts() {
        let stages = Stages { failures: Some(2), exit_code: 1, ..Stages::default() };
        assert_eq!(stages.run_of(1), Some(Span::default()));
        assert_eq!(stages.run_of(2), None);
        assert_eq!(Stages::default().run_of(0), None);
    }
}
