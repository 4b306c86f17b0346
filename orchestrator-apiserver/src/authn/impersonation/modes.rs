//! The ways in which a caller may be allowed to act as somebody else.
//!
//! A constrained mode wants two rights: `impersonate-on:<mode>:<verb>` to what the request is
//! about, and `impersonate:<mode>` to whom is named. Which modes there are depends on who is
//! named: a service account, a node (the caller's own, or any), or somebody else. The old right
//! `impersonate` to whom is named suffices too. The first way that is open is taken; the refusal
//! is that of the first that was tried.

use orchestrator_core::{Status, UserInfo};
use orchestrator_kinds::format::names::dns_subdomain;

use super::Purpose;
use crate::authz::{Attributes, Authorizer, Decision, ResourceTarget, Target, forbidden};

/// How the names of service accounts begin.
const ACCOUNT: &str = "system:serviceaccount:";

/// How the names of nodes' users begin.
const NODE: &str = "system:node:";

/// What is known of the node that a service account's token is bound to.
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

/// The group of rights to names, groups, uids and extras.
const GROUP: &str = "authentication.k8s.io";

/// From how many groups or extras on a right to all of them is asked about first.
const MANY: usize = 4;

/// One way to act as somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    AssociatedNode,
    ArbitraryNode,
    ServiceAccount,
    UserInfo,
    Legacy,
}

const MODES: [Mode; 5] =
    [Mode::AssociatedNode, Mode::ArbitraryNode, Mode::ServiceAccount, Mode::UserInfo, Mode::Legacy];

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::AssociatedNode => "associated-node",
            Self::ArbitraryNode => "arbitrary-node",
            Self::ServiceAccount => "serviceaccount",
            Self::UserInfo => "user-info",
            Self::Legacy => "",
        }
    }

    fn verb(self) -> String {
        match self {
            Self::Legacy => "impersonate".into(),
            mode => format!("impersonate:{}", mode.word()),
        }
    }

    /// Whether somebody like `wanted` is named in this mode.
    fn applies(self, caller: &UserInfo, wanted: &UserInfo) -> bool {
        let name_only =
            wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        match self {
            Self::AssociatedNode => {
                let own = caller.extra.get(NODE_NAME).map(Vec::as_slice);
                name_only
                    && account(&caller.name).is_some()
                    && node(&wanted.name).is_some_and(|node| own == Some(&[node.to_owned()]))
            }
            Self::ArbitraryNode => name_only && node(&wanted.name).is_some(),
            Self::ServiceAccount => name_only && account(&wanted.name).is_some(),
            Self::UserInfo => node(&wanted.name).is_none() && account(&wanted.name).is_none(),
            Self::Legacy => true,
        }
    }
}

/// The user that the caller becomes.
pub(super) async fn become_user(
    authorizer: &dyn Authorizer,
    caller: &UserInfo,
    wanted: UserInfo,
    purpose: Purpose<'_>,
) -> Result<UserInfo, Status> {
    let mut first = None;
    for mode in MODES.into_iter().filter(|mode| mode.applies(caller, &wanted)) {
        let check = Check { authorizer, caller, mode };
        match check.all(&wanted, purpose).await {
            Ok(()) => return Ok(with_groups(mode, wanted)),
            Err(refusal) => drop(first.get_or_insert(refusal)),
        }
    }
    Err(first.expect("the old right applies to everybody"))
}

/// The user with the groups that its name implies.
fn with_groups(mode: Mode, mut user: UserInfo) -> UserInfo {
    if user.groups.is_empty() {
        if let Some((namespace, _)) = account(&user.name) {
            user.groups.push("system:serviceaccounts".into());
            user.groups.push(format!("system:serviceaccounts:{namespace}"));
        } else if mode != Mode::Legacy && node(&user.name).is_some() {
            user.groups.push("system:nodes".into());
        }
    }
    let group = match user.name.as_str() {
        "system:anonymous" => UserInfo::UNAUTHENTICATED,
        _ if user.is_in(UserInfo::UNAUTHENTICATED) => return user,
        _ => UserInfo::AUTHENTICATED,
    };
    if !user.is_in(group) {
        user.groups.push(group.into());
    }
    user
}

/// The questions about one mode.
struct Check<'a> {
    authorizer: &'a dyn Authorizer,
    caller: &'a UserInfo,
    mode: Mode,
}

impl Check<'_> {
    async fn all(&self, wanted: &UserInfo, purpose: Purpose<'_>) -> Result<(), Status> {
        if self.mode != Mode::Legacy {
            let verb = format!("impersonate-on:{}:{}", self.mode.word(), purpose.verb);
            self.ask(&verb, purpose.target).await?;
        }
        self.name(&wanted.name).await?;
        if !wanted.uid.is_empty() {
            let uid = ResourceTarget { resource: "uids", name: &wanted.uid, ..self.more() };
            self.may(uid).await?;
        }
        self.groups(&wanted.groups).await?;
        self.extra(wanted).await
    }

    async fn name(&self, name: &str) -> Result<(), Status> {
        let mut to = ResourceTarget { resource: "users", name, ..self.base() };
        if self.mode != Mode::Legacy
            && let Some(node) = node(name)
        {
            to.resource = "nodes";
            to.name = if self.mode == Mode::AssociatedNode { "*" } else { node };
        }
        if let Some((namespace, name)) = account(name) {
            to = ResourceTarget { resource: "serviceaccounts", namespace, name, ..to };
        }
        self.may(to).await
    }

    async fn groups(&self, groups: &[String]) -> Result<(), Status> {
        let to = ResourceTarget { resource: "groups", ..self.base() };
        if self.mode != Mode::Legacy {
            if groups.iter().any(String::is_empty) {
                return Err(self.no(to, "impersonating the empty string group is not allowed"));
            }
            if groups.iter().any(|group| group == UserInfo::MASTERS) {
                let to = ResourceTarget { name: UserInfo::MASTERS, ..to };
                return Err(self.no(to, "impersonating the system:masters group is not allowed"));
            }
            let all = ResourceTarget { name: "*", ..to };
            if groups.len() >= MANY && self.may(all).await.is_ok() {
                return Ok(());
            }
        }
        for name in groups {
            self.may(ResourceTarget { name, ..to }).await?;
        }
        Ok(())
    }

    async fn extra(&self, wanted: &UserInfo) -> Result<(), Status> {
        let to = ResourceTarget { resource: "userextras", ..self.more() };
        if self.mode != Mode::Legacy {
            let values = wanted.extra.values().flatten();
            if wanted.extra.keys().any(String::is_empty) {
                let why = "impersonating the empty string key in extra is not allowed";
                return Err(self.no(to, why));
            }
            if values.clone().any(String::is_empty) {
                let why = "impersonating the empty string value in extra is not allowed";
                return Err(self.no(to, why));
            }
            let all = ResourceTarget { subresource: "*", name: "*", ..to };
            if values.count() >= MANY && self.may(all).await.is_ok() {
                return Ok(());
            }
        }
        for (key, values) in &wanted.extra {
            for name in values {
                self.may(ResourceTarget { subresource: key, name, ..to }).await?;
            }
        }
        Ok(())
    }

    /// Where names and groups are: the old right knows them in the core group.
    fn base(&self) -> ResourceTarget<'static> {
        match self.mode {
            Mode::Legacy => ResourceTarget { version: "v1", ..ResourceTarget::default() },
            _ => self.more(),
        }
    }

    fn more(&self) -> ResourceTarget<'static> {
        ResourceTarget { group: GROUP, version: "v1", ..ResourceTarget::default() }
    }

    async fn may(&self, to: ResourceTarget<'_>) -> Result<(), Status> {
        self.ask(&self.mode.verb(), Target::Resource(to)).await
    }

    async fn ask(&self, verb: &str, target: Target<'_>) -> Result<(), Status> {
        let attributes = Attributes { user: self.caller, verb, target };
        match self.authorizer.authorize(attributes).await {
            Decision::Allow(_) => Ok(()),
            Decision::Deny(why) | Decision::NoOpinion(why) => Err(forbidden(attributes, &why)),
        }
    }

    fn no(&self, to: ResourceTarget<'_>, why: &str) -> Status {
        let verb = self.mode.verb();
        let target = Target::Resource(to);
        forbidden(Attributes { user: self.caller, verb: &verb, target }, why)
    }
}

/// Namespace and name of a service account's user.
fn account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(ACCOUNT)?.split_once(':')?;
    let is_name = |text: &str| !text.is_empty() && dns_subdomain(text).is_empty();
    (is_name(namespace) && is_name(name)).then_some((namespace, name))
}

/// The node whose user this is.
fn node(user: &str) -> Option<&str> {
    let name = user.strip_prefix(NODE)?;
    dns_subdomain(name).is_empty().then_some(name)
}
