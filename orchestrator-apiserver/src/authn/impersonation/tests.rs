use async_trait::async_trait;

use super::*;
use crate::authz::{Attributes, Decision, ResourceTarget};

/// Allows what is listed: `user verb group/resource/name`.
#[derive(Debug)]
struct Listed(&'static [&'static str]);

#[async_trait]
impl Authorizer for Listed {
    async fn authorize(&self, asked: Attributes<'_>) -> Decision {
        let Attributes { user, verb, target: Target::Resource(to) } = asked else { panic!() };
        let ResourceTarget { group, resource, name, subresource, .. } = to;
        let part = if subresource.is_empty() { String::new() } else { format!(".{subresource}") };
        let asked = format!("{} {verb} {group}/{resource}{part}/{name}", user.name);
        match user.is_in(UserInfo::MASTERS) || self.0.contains(&asked.as_str()) {
            true => Decision::Allow(String::new()),
            false => Decision::NoOpinion(String::new()),
        }
    }
}

fn act(
    rights: &'static [&'static str],
    caller: UserInfo,
    headers: &[(&'static str, &'static str)],
) -> Result<UserInfo, Status> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = http::HeaderName::from_static(name);
        map.append(name, http::HeaderValue::from_static(value));
    }
    let to = ResourceTarget { resource: "pods", ..ResourceTarget::default() };
    let purpose = Purpose { verb: "list", target: Target::Resource(to) };
    futures::executor::block_on(impersonate(&Listed(rights), caller, &map, purpose))
}

fn jane() -> UserInfo {
    UserInfo::new("jane", Vec::<String>::new())
}

#[test]
fn a_master_acts_as_anybody() {
    let admin = || UserInfo::system("admin");
    let headers = [
        ("impersonate-user", "jane"),
        ("impersonate-group", "a"),
        ("impersonate-group", "b"),
        ("impersonate-extra-example.com%2fscope", "x"),
    ];
    let jane = act(&[], admin(), &headers).unwrap();
    assert_eq!(jane.groups, ["a", "b", UserInfo::AUTHENTICATED]);
    assert_eq!(jane.extra["example.com/scope"], ["x"]);
    let nobody = act(&[], admin(), &[("impersonate-user", "system:anonymous")]).unwrap();
    assert_eq!(nobody.groups, [UserInfo::UNAUTHENTICATED]);
    let account = [("impersonate-user", "system:serviceaccount:n:a")];
    let account = act(&[], admin(), &account).unwrap();
    assert_eq!(
        account.groups,
        ["system:serviceaccounts", "system:serviceaccounts:n", "system:authenticated"]
    );
    let masters = [("impersonate-user", "x"), ("impersonate-group", UserInfo::MASTERS)];
    assert!(act(&[], admin(), &masters).unwrap().is_in(UserInfo::MASTERS));
    let node = act(&[], admin(), &[("impersonate-user", "system:node:n1")]).unwrap();
    assert_eq!(node.groups, ["system:nodes", "system:authenticated"]);
}

#[test]
fn either_right_suffices_and_the_first_refusal_is_told() {
    let user = [("impersonate-user", "joe")];
    let refused = act(&[], jane(), &user).unwrap_err();
    assert_eq!(
        refused.message,
        "pods is forbidden: User \"jane\" cannot impersonate-on:user-info:list resource \"pods\" \
         in API group \"\" at the cluster scope"
    );
    assert!(act(&["jane impersonate /users/joe"], jane(), &user).is_ok());
    let half = &["jane impersonate-on:user-info:list /pods/"];
    let refused = act(half, jane(), &user).unwrap_err();
    assert!(refused.message.contains("cannot impersonate:user-info resource \"users\""));
    let whole = &[
        "jane impersonate-on:user-info:list /pods/",
        "jane impersonate:user-info authentication.k8s.io/users/joe",
    ];
    assert_eq!(act(whole, jane(), &user).unwrap().name, "joe");
    let grouped = [user[0], ("impersonate-group", "g")];
    assert!(act(whole, jane(), &grouped).is_err());
}

#[test]
fn an_account_may_act_as_its_own_node_only() {
    let rights = &[
        "system:serviceaccount:n:agent impersonate-on:associated-node:list /pods/",
        "system:serviceaccount:n:agent impersonate:associated-node authentication.k8s.io/nodes/*",
    ];
    let mut agent = UserInfo::new("system:serviceaccount:n:agent", Vec::<String>::new());
    let key = "authentication.kubernetes.io/node-name";
    agent.extra.insert(key.into(), vec!["n1".into()]);
    let own = act(rights, agent.clone(), &[("impersonate-user", "system:node:n1")]).unwrap();
    assert!(own.is_in("system:nodes"));
    assert!(act(rights, agent, &[("impersonate-user", "system:node:n2")]).is_err());
}

#[test]
fn a_group_needs_a_name_beside_it() {
    let refused = act(&[], UserInfo::system("admin"), &[("impersonate-group", "g")]).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            400,
            "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"g\"}, \
             Extra:map[string][]string(nil)} without impersonating a user name"
        )
    );
    assert_eq!(act(&[], jane(), &[]).unwrap().name, "jane");
}
