//! `pods/log`: what a container wrote.

use futures::StreamExt;
use futures::stream;
use orchestrator_core::ObjectKey;
use orchestrator_core::field::{FieldError, FieldErrors, Path};
use orchestrator_core::node::LogOptions;
use orchestrator_core::request::Options;
use orchestrator_core::resource::GroupKind;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Status};

use super::container;
use crate::pipeline::Cx;

/// Answers with the log as it comes; empty for a pod that no node has taken yet.
pub(super) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    let mut options = options(&cx.request.options, &cx.request.name)?;
    let pod = container::pod(cx).await?;
    options.container = container::choose(&pod, &options.container)?;
    let content_type = "text/plain";
    if pod.text_at(&["spec", "nodeName"]).is_empty() {
        return Ok(ResponseBody::Bytes { content_type: "", stream: stream::empty().boxed() });
    }
    let node = container::node(cx, &pod).await?;
    let key = ObjectKey::new(pod.namespace(), pod.name());
    let stream = node.logs(&key, options).await?;
    Ok(ResponseBody::Bytes { content_type, stream })
}

fn options(options: &Options, pod: &str) -> Result<LogOptions, Status> {
    let mut errors = FieldErrors::new();
    let mut number = |name: &str, least: i64| -> Result<Option<i64>, Status> {
        let Some(text) = options.rest(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let number: i64 = text.parse().map_err(|_| {
            let why = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
            Status::bad_request(why)
        })?;
        if number < least {
            let why = match least {
                0 => "must be greater than or equal to 0",
                _ => "must be greater than 0",
            };
            errors.push(FieldError::invalid(&Path::new(name), &Json::from(number), why));
        }
        Ok(Some(number))
    };
    let tail_lines = number("tailLines", 0)?;
    let limit_bytes = number("limitBytes", 1)?;
    let since_seconds = number("sinceSeconds", 1)?;
    let since_time = match options.rest("sinceTime").filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse().map_err(|_| {
            let layout = "2006-01-02T15:04:05Z07:00";
            let why = format!("parsing time {text:?} as {layout:?}: cannot parse {text:?}");
            Status::bad_request(why)
        })?),
        None => None,
    };
    if since_seconds.is_some() && since_time.is_some() {
        let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(FieldError::forbidden(&Path::ROOT, why));
    }
    if !errors.is_empty() {
        return Err(Status::invalid(&GroupKind::new("", "PodLogOptions"), pod, &errors));
    }
    let stream = match options.rest("stream") {
        Some(name @ ("Stdout" | "Stderr")) => name.to_owned(),
        _ => String::new(),
    };
    Ok(LogOptions {
        container: options.rest("container").unwrap_or_default().to_owned(),
        follow: options.rest_flag("follow"),
        previous: options.rest_flag("previous"),
        since_seconds,
        since_time,
        timestamps: options.rest_flag("timestamps"),
        tail_lines: tail_lines.map(i64::unsigned_abs),
        limit_bytes: limit_bytes.map(i64::unsigned_abs),
        stream,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<LogOptions, Status> {
        let rest = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        options(&Options { rest, ..Options::default() }, "p")
    }

    #[test]
    fn options_are_read_and_bad_ones_refused() {
        let read = of(&[("tailLines", "5"), ("follow", "true"), ("container", "c")]).unwrap();
        assert_eq!((read.tail_lines, read.follow, &*read.container), (Some(5), true, "c"));
        let refused = of(&[("tailLines", "-1")]).unwrap_err();
        assert_eq!(
            refused.message,
            "PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than \
             or equal to 0"
        );
        assert_eq!(of(&[("limitBytes", "x")]).unwrap_err().code, 400);
        let both = [("sinceSeconds", "1"), ("sinceTime", "2026-01-01T00:00:00Z")];
        assert_eq!(of(&both).unwrap_err().code, 422);
    }
}
