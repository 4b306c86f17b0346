//! Queries and delete bodies as [`Options`].
//!
//! Values keep the leniency that clients have come to rely on: an unknown key is ignored, a
//! boolean is false only when absent, `0` or `false`, a negative limit is no limit; a number that
//! is none is refused with the words of Go's parser.

use std::time::Duration;

use orchestrator_core::request::{Body, MediaType, Options};
use orchestrator_core::{Json, Status};

use super::percent;

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

/// Takes delete options from a body; they replace those of the query, as clients expect.
///
/// # Errors
/// 400 where the body is no `DeleteOptions`.
pub(crate) fn delete_options_from(body: &Body, options: &mut Options) -> Result<(), Status> {
    let Body::Bytes { bytes, media } = body else { return Ok(()) };
    let json = read_json(bytes, *media)?;
    let Json::Object(map) = &json else { return Err(not_delete_options("not an object")) };
    if let Some(kind) = map.get("kind").and_then(Json::as_str)
        && !matches!(kind, "" | "DeleteOptions")
    {
        return Err(not_delete_options(&format!("the kind is {kind:?}")));
    }
    let preconditions = map.get("preconditions").unwrap_or(&Json::Null);
    *options = Options {
        dry_run: texts(map.get("dryRun"))?,
        grace_period_seconds: typed(map.get("gracePeriodSeconds"), Json::as_i64, "an integer")?,
        propagation_policy: text(map.get("propagationPolicy"))?.unwrap_or_default(),
        orphan_dependents: typed(map.get("orphanDependents"), Json::as_bool, "a boolean")?,
        ignore_store_read_error: typed(
            map.get("ignoreStoreReadErrorWithClusterBreakingPotential"),
            Json::as_bool,
            "a boolean",
        )?
        .unwrap_or_default(),
        precondition_uid: text(preconditions.get("uid"))?,
        precondition_resource_version: text(preconditions.get("resourceVersion"))?,
        ..std::mem::take(options)
    };
    Ok(())
}

fn not_delete_options(why: &str) -> Status {
    Status::bad_request(format!("the body cannot be handled as a DeleteOptions: {why}"))
}

fn read_json(bytes: &[u8], media: MediaType) -> Result<Json, Status> {
    match media {
        MediaType::Json => {
            serde_json::from_slice(bytes).map_err(|e| not_delete_options(&e.to_string()))
        }
        MediaType::Yaml => {
            serde_saphyr::from_slice(bytes).map_err(|e| not_delete_options(&e.to_string()))
        }
    }
}

fn typed<T>(
    value: Option<&Json>,
    read: impl Fn(&Json) -> Option<T>,
    what: &str,
) -> Result<Option<T>, Status> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(not_delete_options(&format!("{value} is not {what}"))),
        },
    }
}

fn text(value: Option<&Json>) -> Result<Option<String>, Status> {
    typed(value, |value| value.as_str().map(str::to_owned), "a string")
}

fn texts(value: Option<&Json>) -> Result<Vec<String>, Status> {
    let list = typed(value, |value| value.as_array().cloned(), "a list")?.unwrap_or_default();
    list.iter().map(|item| text(Some(item)).map(Option::unwrap_or_default)).collect()
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

    #[test]
    fn a_delete_body_replaces_the_options_of_the_query() {
        let read = |text: &str, media| {
            let mut options =
                Query::parse("gracePeriodSeconds=3&labelSelector=a").options().unwrap();
            let bytes = text.as_bytes().to_vec().into();
            delete_options_from(&Body::Bytes { bytes, media }, &mut options).map(|()| options)
        };
        let body = r#"{"preconditions":{"uid":"u"},"dryRun":["All"],"propagationPolicy":"Orphan"}"#;
        let options = read(body, MediaType::Json).unwrap();
        assert_eq!(options.precondition_uid.as_deref(), Some("u"));
        assert_eq!((options.grace_period_seconds, options.is_dry_run()), (None, true));
        assert_eq!(options.label_selector, "a");
        let options = read("gracePeriodSeconds: 0\n", MediaType::Yaml).unwrap();
        assert_eq!(options.grace_period_seconds, Some(0));
        for bad in
            ["[]", "{\"dryRun\":1}", "{\"kind\":\"Pod\"}", "{", "{\"gracePeriodSeconds\":\"1\"}"]
        {
            assert_eq!(read(bad, MediaType::Json).unwrap_err().code, 400, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "\\PC{0,200}") {
            let _ = Query::parse(&query).options();
        }

        #[test]
        fn any_delete_body_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            for media in [MediaType::Json, MediaType::Yaml] {
                let body = Body::Bytes { bytes: bytes.clone().into(), media };
                let _ = delete_options_from(&body, &mut Options::default());
            }
        }
    }
}
