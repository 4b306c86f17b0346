//! Impersonation: a caller acts as somebody else, whom headers name.
//!
//! This file reads the headers. Whether the caller may is in `modes`: either with constrained
//! rights, which say as whom and what for, or with the old right to be somebody in everything.

mod modes;

use std::collections::BTreeMap;

use http::HeaderMap;
use orchestrator_core::{Status, UserInfo};
use orchestrator_wire::percent;

use crate::authz::{Authorizer, Target};

const EXTRA_PREFIX: &str = "impersonate-extra-";

/// What a caller wants to do as somebody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose<'a> {
    /// The verb.
    pub(crate) verb: &'a str,
    /// To what.
    pub(crate) target: Target<'a>,
}

/// Whether some header asks for it.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("impersonate-"))
}

/// The user on whose behalf a request is made: the caller, or whom its headers name.
///
/// # Errors
/// 400 where groups, uid or extras come without a user; 403 where the caller may not.
pub(crate) async fn impersonate(
    authorizer: &dyn Authorizer,
    caller: UserInfo,
    headers: &HeaderMap,
    purpose: Purpose<'_>,
) -> Result<UserInfo, Status> {
    match wanted(headers)? {
        Some(wanted) => modes::become_user(authorizer, &caller, wanted, purpose).await,
        None => Ok(caller),
    }
}

/// Whom the headers name.
fn wanted(headers: &HeaderMap) -> Result<Option<UserInfo>, Status> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let name = text("impersonate-user").unwrap_or_default();
    let uid = text("impersonate-uid").unwrap_or_default();
    let groups = headers.get_all("impersonate-group");
    let groups: Vec<String> =
        groups.iter().filter_map(|group| group.to_str().ok()).map(str::to_owned).collect();
    let extra = extra(headers);
    if name.is_empty() {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(None);
        }
        return Err(without_name(uid, &groups, &extra));
    }
    Ok(Some(UserInfo { name: name.into(), uid: uid.into(), groups, extra }))
}

fn extra(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut extra = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix(EXTRA_PREFIX) else { continue };
        let key = percent::decode(key, percent::Plus::Keep).unwrap_or(key.into());
        if let Ok(value) = value.to_str() {
            extra.entry(key.to_lowercase()).or_default().push(value.into());
        }
    }
    extra
}

/// 400 in the words of the server, which prints the user as Go does.
fn without_name(uid: &str, groups: &[String], extra: &BTreeMap<String, Vec<String>>) -> Status {
    let groups = match groups {
        [] => "[]string(nil)".into(),
        some => format!("[]string{{{}}}", quoted(some)),
    };
    let extra = match extra.is_empty() {
        true => "map[string][]string(nil)".into(),
        false => {
            let entries = extra.iter().map(|(key, v)| format!("{key:?}:[]string{{{}}}", quoted(v)));
            format!("map[string][]string{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    };
    Status::bad_request(format!(
        "requested &user.DefaultInfo{{Name:\"\", UID:{uid:?}, Groups:{groups}, Extra:{extra}}} \
         without impersonating a user name"
    ))
}

fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
