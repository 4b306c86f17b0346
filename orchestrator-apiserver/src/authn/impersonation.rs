//! Impersonation: a master acts as somebody else.

use std::collections::BTreeMap;

use http::HeaderMap;
use orchestrator_core::{Status, UserInfo};
use orchestrator_wire::percent;

use crate::authz::{Attributes, ResourceTarget, Target, forbidden};

const EXTRA_PREFIX: &str = "impersonate-extra-";

/// The groups that one who is impersonated, without groups of their own, is in anyway.
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// The user on whose behalf a request is made: the caller, or whom its headers name.
///
/// # Errors
/// 400 where groups, uid or extras come without a user; 403 where the caller may not.
pub(crate) fn impersonate(caller: UserInfo, headers: &HeaderMap) -> Result<UserInfo, Status> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let name = text("impersonate-user").unwrap_or_default();
    let uid = text("impersonate-uid").unwrap_or_default();
    let groups = headers.get_all("impersonate-group");
    let groups: Vec<String> =
        groups.iter().filter_map(|group| group.to_str().ok()).map(str::to_owned).collect();
    let extra = extra(headers);
    if name.is_empty() {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(caller);
        }
        return Err(without_name(uid, &groups, &extra));
    }
    // RBAC rules for impersonation follow with the authoriser; until then only masters may.
    if !caller.is_in(UserInfo::MASTERS) {
        let target = ResourceTarget { resource: "users", name, ..ResourceTarget::default() };
        let target = Target::Resource(target);
        return Err(forbidden(Attributes { user: &caller, verb: "impersonate", target }, ""));
    }
    let groups = with_implied(name, groups);
    Ok(UserInfo { name: name.into(), uid: uid.into(), groups, extra })
}

/// Adds the groups that the name itself implies.
fn with_implied(name: &str, mut groups: Vec<String>) -> Vec<String> {
    if groups.is_empty()
        && let Some(account) = name.strip_prefix(SERVICE_ACCOUNT_PREFIX)
        && let Some((namespace, _)) = account.split_once(':')
    {
        groups.push("system:serviceaccounts".into());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    let implied = match name {
        "system:anonymous" => UserInfo::UNAUTHENTICATED,
        _ => UserInfo::AUTHENTICATED,
    };
    let either = [UserInfo::AUTHENTICATED, UserInfo::UNAUTHENTICATED];
    if !groups.iter().any(|group| either.contains(&group.as_str())) {
        groups.push(implied.into());
    }
    groups
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
mod tests {
    use super::*;

    fn act(caller: UserInfo, headers: &[(&'static str, &'static str)]) -> Result<UserInfo, Status> {
        let pairs = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        });
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        impersonate(caller, &map)
    }

    #[test]
    fn a_master_acts_as_somebody_else() {
        let admin = UserInfo::system("admin");
        let headers = [
            ("impersonate-user", "jane"),
            ("impersonate-group", "a"),
            ("impersonate-group", "b"),
            ("impersonate-extra-example.com%2fscope", "x"),
        ];
        let jane = act(admin.clone(), &headers).unwrap();
        assert_eq!(jane.groups, ["a", "b", UserInfo::AUTHENTICATED]);
        assert_eq!(jane.extra["example.com/scope"], ["x"]);
        let account = [("impersonate-user", "system:serviceaccount:ns:a")];
        assert!(act(admin.clone(), &account).unwrap().is_in("system:serviceaccounts:ns"));
        assert_eq!(act(admin.clone(), &[]).unwrap(), admin);
    }

    #[test]
    fn others_may_not_and_a_group_needs_a_user() {
        let jane = UserInfo::new("jane", ["dev"]);
        assert_eq!(act(jane, &[("impersonate-user", "joe")]).unwrap_err().code, 403);
        let refused = act(UserInfo::system("admin"), &[("impersonate-group", "g")]).unwrap_err();
        assert_eq!(
            refused.message,
            "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"g\"}, \
             Extra:map[string][]string(nil)} without impersonating a user name"
        );
    }
}
