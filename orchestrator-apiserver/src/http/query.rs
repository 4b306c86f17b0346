//! Queries as [`Options`].
//!
//! Values keep the leniency that clients have come to rely on: an unknown key is ignored, a
//! boolean is false only when absent, `0` or `false`, a negative limit is no limit; a number that
//! is none is refused with the words of Go's parser.

use std::time::Duration;

use orchestrator_core::Status;
use orchestrator_core::request::Options;
use orchestrator_wire::percent;

/// A query, read once.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads the part of a URI after the question mark.
    pub fn parse(query: &str) -> Self {
        let pairs = percent::pairs(query);
        Self { pairs: pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect() }
    }

    /// The first value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// All values of `key`.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Whether `key` is there and neither `0` nor `false`.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(is_true)
    }

    fn text(&self, key: &str) -> String {
        self.get(key).unwrap_or_default().into()
    }

    fn int(&self, key: &str) -> Result<Option<i64>, Status> {
        self.get(key).map(parse_int).transpose()
    }

    /// The options of any verb: list, read, write and delete options, and what only single
    /// subresources know.
    ///
    /// # Errors
    /// 400 where a number is none.
    pub fn options(&self) -> Result<Options, Status> {
        let seconds = self.int("timeoutSeconds")?;
        let mut options = Options {
            label_selector: self.text("labelSelector"),
            field_selector: self.text("fieldSelector"),
            limit: self.int("limit")?.unwrap_or_default().try_into().unwrap_or_default(),
            continue_token: self.text("continue"),
            resource_version: self.text("resourceVersion"),
            resource_version_match: self.text("resourceVersionMatch"),
            timeout: seconds.and_then(|s| s.try_into().ok()).map(Duration::from_secs),
            allow_watch_bookmarks: self.flag("allowWatchBookmarks"),
            send_initial_events: self.get("sendInitialEvents").map(is_true),
            field_manager: self.text("fieldManager"),
            field_validation: self.text("fieldValidation"),
            force: self.get("force").map(is_true),
            ..Options::default()
        };
        self.delete_options(&mut options)?;
        options.rest = self.pairs.iter().filter(|(key, _)| !is_common(key)).cloned().collect();
        Ok(options)
    }

    fn delete_options(&self, options: &mut Options) -> Result<(), Status> {
        options.dry_run = self.all("dryRun").map(str::to_owned).collect();
        options.grace_period_seconds = self.int("gracePeriodSeconds")?;
        options.propagation_policy = self.text("propagationPolicy");
        options.orphan_dependents = self.get("orphanDependents").map(is_true);
        options.ignore_store_read_error =
            self.flag("ignoreStoreReadErrorWithClusterBreakingPotential");
        Ok(())
    }
}

/// Whether a key belongs to the options that all resources share.
fn is_common(key: &str) -> bool {
    const COMMON: [&str; 19] = [
        "allowWatchBookmarks",
        "continue",
        "dryRun",
        "fieldManager",
        "fieldSelector",
        "fieldValidation",
        "force",
        "gracePeriodSeconds",
        "ignoreStoreReadErrorWithClusterBreakingPotential",
        "includeObject",
        "labelSelector",
        "orphanDependents",
        "pretty",
        "propagationPolicy",
        "resourceVersion",
        "resourceVersionMatch",
        "sendInitialEvents",
        "timeoutSeconds",
        "watch",
    ];
    COMMON.binary_search(&key).is_ok() || key == "limit"
}

fn is_true(text: &str) -> bool {
    text != "0" && !text.eq_ignore_ascii_case("false")
}

fn parse_int(text: &str) -> Result<i64, Status> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse::<i64>().map_err(|error| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_read_as_leniently_as_clients_expect() {
        let options = Query::parse(
            "limit=-1&allowWatchBookmarks=x&sendInitialEvents=false&timeoutSeconds=7&dryRun=All\
             &labelSelector=a%3Db&container=c&command=a&command=b+c&force&pretty=true",
        )
        .options()
        .unwrap();
        assert_eq!((options.limit, options.allow_watch_bookmarks), (0, true));
        assert_eq!(options.send_initial_events, Some(false));
        assert_eq!(options.timeout, Some(Duration::from_secs(7)));
        assert_eq!((options.dry_run.len(), options.force), (1, Some(true)));
        assert_eq!(options.label_selector, "a=b");
        assert_eq!(options.rest("container"), Some("c"));
        assert_eq!(options.rest_all("command").collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!(options.rest("pretty"), None);
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        let error = |query: &str| Query::parse(query).options().unwrap_err().message;
        assert_eq!(error("timeoutSeconds=x"), "strconv.ParseInt: parsing \"x\": invalid syntax");
        assert_eq!(
            error("limit=99999999999999999999"),
            "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"
        );
        assert!(Query::parse("gracePeriodSeconds=").options().is_ok());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "\\PC{0,200}") {
            let _ = Query::parse(&query).options();
        }
    }
}
