//! URLs.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Cost, Function, Overload, Sig, function, global, member};
use crate::EvalError;
use crate::types::Opaque;
use crate::value::{Key, Map, Text, Url, Value};

const URL: Sig = Sig::Opaque(Opaque::Url);
const S: Sig = Sig::String;
const PART: &[Overload] = &[member(&[URL], Sig::String)];

pub(super) static TABLE: &[Function] = &[
    function("url", Cost::Traverse, &[global(&[S], URL)], |_, args| {
        let text = args[0].as_str().ok_or_else(EvalError::overload)?;
        let read = Url::parse(text).ok_or_else(|| {
            let why = "invalid URI for request";
            EvalError::Undefined(format!(
                "URL parse error during conversion from string: parse {text:?}: {why}"
            ))
        })?;
        Ok(Value::Url(Rc::new(read)))
    }),
    function("isURL", Cost::Traverse, &[global(&[S], Sig::Bool)], |_, args| {
        let text = args[0].as_str().ok_or_else(EvalError::overload)?;
        Ok(Value::Bool(Url::parse(text).is_some()))
    }),
    function("getScheme", Cost::One, PART, |_, args| part(args, |url| &url.scheme)),
    function("getHost", Cost::One, PART, |_, args| part(args, |url| &url.host)),
    function("getHostname", Cost::One, PART, |_, args| part(args, |url| &url.hostname)),
    function("getPort", Cost::One, PART, |_, args| part(args, |url| &url.port)),
    function("getEscapedPath", Cost::One, PART, |_, args| part(args, |url| &url.path)),
    function(
        "getQuery",
        Cost::One,
        &[member(&[URL], Sig::Map(&Sig::String, &Sig::List(&Sig::String)))],
        |_, args| {
            let mut map: BTreeMap<&str, Vec<Value<'_>>> = BTreeMap::new();
            for (key, value) in &one(args)?.query {
                map.entry(key).or_default().push(Value::text(value.as_str()));
            }
            let entries = map
                .into_iter()
                .map(|(key, values)| (Key::String(Text::Shared(key.into())), Value::list(values)));
            Ok(Value::Map(Map::Made(Rc::new(entries.collect()))))
        },
    ),
];

fn one<'v>(args: &'v [Value<'_>]) -> Result<&'v Url, EvalError> {
    match args.first() {
        Some(Value::Url(url)) => Ok(url),
        _ => Err(EvalError::overload()),
    }
}

fn part<'a>(args: &[Value<'a>], part: fn(&Url) -> &str) -> Result<Value<'a>, EvalError> {
    one(args).map(|url| Value::text(part(url)))
}
