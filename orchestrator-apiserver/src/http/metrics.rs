//! `/metrics`: what this server really counts, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orchestrator_core::Verb;
use parking_lot::Mutex;

/// The media type of the text format.
pub(crate) const CONTENT_TYPE: &str =
    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// The most series that are kept: all verbs and codes of all built-in resources are fewer.
const MAX_SERIES: usize = 4096;

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Series, u64>>,
    inflight: Arc<AtomicUsize>,
    watches: Arc<AtomicUsize>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    verb: &'static str,
    resource: String,
    code: u16,
}

/// Counts one of something until it is dropped.
#[derive(Debug)]
pub(crate) struct Gauge(Arc<AtomicUsize>);

impl Gauge {
    fn of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counts a request as running.
    pub(crate) fn running(&self) -> Gauge {
        Gauge::of(&self.inflight)
    }

    /// Counts a watch as open.
    pub(crate) fn watching(&self) -> Gauge {
        Gauge::of(&self.watches)
    }

    /// Counts a request as answered; `resource` is empty for one that is not served.
    pub(crate) fn answered(&self, verb: Verb, resource: &str, code: u16) {
        let series = Series { verb: verb.word(), resource: resource.into(), code };
        let mut requests = self.requests.lock();
        if let Some(count) = requests.get_mut(&series) {
            *count += 1;
        } else if requests.len() < MAX_SERIES {
            requests.insert(series, 1);
        }
    }

    /// The text that a scraper reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(
            "# HELP apiserver_request_total Counter of apiserver requests broken out for each \
             verb, resource and HTTP response code.\n\
             # TYPE apiserver_request_total counter\n",
        );
        for (Series { verb, resource, code }, count) in self.requests.lock().iter() {
            let verb = verb.to_uppercase();
            let _ = writeln!(
                text,
                "apiserver_request_total{{code=\"{code}\",resource=\"{resource}\",verb=\"{verb}\"}} {count}"
            );
        }
        for (name, help, count) in [
            ("apiserver_current_inflight_requests", "Requests being answered.", &self.inflight),
            ("apiserver_longrunning_requests", "Watches that are open.", &self.watches),
        ] {
            let count = count.load(Ordering::Relaxed);
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {count}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_verb_resource_and_code() {
        let metrics = Metrics::default();
        metrics.answered(Verb::Get, "pods", 200);
        metrics.answered(Verb::Get, "pods", 200);
        let open = metrics.watching();
        let text = metrics.text();
        assert!(text.contains("{code=\"200\",resource=\"pods\",verb=\"GET\"} 2\n"), "{text}");
        assert!(text.contains("apiserver_longrunning_requests 1\n"), "{text}");
        drop(open);
        assert!(metrics.text().contains("apiserver_longrunning_requests 0\n"));
    }
}
