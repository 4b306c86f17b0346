//! The default authorizer: members of `system:masters` may do everything, others next to nothing.

use async_trait::async_trait;
use orchestrator_core::UserInfo;

use super::{Attributes, Authorizer, Decision, ResourceTarget, Rule, Target};

/// The reviews by which users ask about themselves; every authenticated user may create them.
const SELF_REVIEWS: &[(&str, &str)] = &[
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
];

/// Paths that everybody may read who came through authentication, even without a name.
const PUBLIC_PATHS: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];

/// Paths, with all below them, that every authenticated user may read.
const DISCOVERY_PATHS: &[&str] = &["/api", "/apis", "/openapi", "/.well-known"];

/// Lets `system:masters` do everything and everybody else look after themselves only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Masters;

#[async_trait]
impl Authorizer for Masters {
    async fn authorize(&self, attributes: Attributes<'_>) -> Decision {
        let Attributes { user, verb, target } = attributes;
        let allowed = user.is_in(UserInfo::MASTERS)
            || match target {
                Target::Path(path) => may_read(user, verb, path),
                Target::Resource(to) => is_self_review(user, verb, to),
            };
        match allowed {
            true => Decision::Allow(String::new()),
            false => Decision::NoOpinion(String::new()),
        }
    }

    async fn rules(&self, user: &UserInfo, _namespace: &str) -> (Vec<Rule>, bool) {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        if user.is_in(UserInfo::MASTERS) {
            let all = Rule {
                verbs: words(&["*"]),
                api_groups: words(&["*"]),
                resources: words(&["*"]),
                ..Rule::default()
            };
            let paths = Rule { verbs: words(&["*"]), paths: words(&["*"]), ..Rule::default() };
            return (vec![all, paths], true);
        }
        if !user.is_in(UserInfo::AUTHENTICATED) {
            return (Vec::new(), true);
        }
        let rules = SELF_REVIEWS.chunk_by(|(a, _), (b, _)| a == b).map(|reviews| Rule {
            verbs: words(&["create"]),
            api_groups: words(&[reviews[0].0]),
            resources: reviews.iter().map(|(_, resource)| (*resource).to_owned()).collect(),
            ..Rule::default()
        });
        (rules.collect(), true)
    }
}

fn is_self_review(user: &UserInfo, verb: &str, to: ResourceTarget<'_>) -> bool {
    verb == "create"
        && to.subresource.is_empty()
        && SELF_REVIEWS.contains(&(to.group, to.resource))
        && user.is_in(UserInfo::AUTHENTICATED)
}

fn may_read(user: &UserInfo, verb: &str, path: &str) -> bool {
    let below = |root: &str| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let known = user.is_in(UserInfo::AUTHENTICATED) || user.is_in(UserInfo::UNAUTHENTICATED);
    matches!(verb, "get" | "head")
        && ((known && PUBLIC_PATHS.contains(&path))
            || (user.is_in(UserInfo::AUTHENTICATED) && DISCOVERY_PATHS.iter().any(|p| below(p))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(user: &UserInfo, verb: &str, target: Target<'_>) -> bool {
        let decision = Masters.authorize(Attributes { user, verb, target });
        futures::executor::block_on(decision).is_allowed()
    }

    #[test]
    fn masters_may_everything_others_only_ask_about_themselves() {
        let (jane, nobody) = (UserInfo::new("jane", ["dev"]), UserInfo::anonymous());
        let pods = Target::Resource(ResourceTarget { resource: "pods", ..Default::default() });
        let review = Target::Resource(ResourceTarget {
            group: "authentication.k8s.io",
            resource: "selfsubjectreviews",
            ..Default::default()
        });
        let cases = [
            (&UserInfo::system("admin"), "delete", pods, true),
            (&jane, "list", pods, false),
            (&jane, "create", review, true),
            (&nobody, "create", review, false),
            (&jane, "get", Target::Path("/apis/apps/v1"), true),
            (&jane, "get", Target::Path("/apisx"), false),
            (&jane, "post", Target::Path("/apis"), false),
            (&nobody, "get", Target::Path("/apis"), false),
            (&nobody, "get", Target::Path("/healthz"), true),
            (&jane, "get", Target::Path("/metrics"), false),
        ];
        for (user, verb, target, wanted) in cases {
            assert_eq!(allowed(user, verb, target), wanted, "{} {verb} {target:?}", user.name);
        }
    }
}
