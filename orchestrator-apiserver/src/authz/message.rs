//! The words of a refusal.

use orchestrator_core::{GroupResource, Status};

use super::{Attributes, Target};

/// The 403 for `attributes`, in the words that clients know; `reason` is often empty.
pub fn forbidden(attributes: Attributes<'_>, reason: &str) -> Status {
    let Attributes { user, verb, target } = attributes;
    let mut why = format!("User {:?} cannot {verb} ", user.name);
    let (resource, name) = match target {
        Target::Path(path) => {
            why.push_str(&format!("path {path:?}"));
            (GroupResource::default(), "")
        }
        Target::Resource(to) => {
            let full = match to.subresource.is_empty() {
                true => to.resource.to_owned(),
                false => format!("{}/{}", to.resource, to.subresource),
            };
            why.push_str(&format!("resource {full:?} in API group {:?} ", to.group));
            match to.namespace.is_empty() {
                true => why.push_str("at the cluster scope"),
                false => why.push_str(&format!("in the namespace {:?}", to.namespace)),
            }
            (GroupResource::new(to.group.to_owned(), to.resource.to_owned()), to.name)
        }
    };
    if !reason.is_empty() {
        why.push_str(": ");
        why.push_str(reason);
    }
    Status::forbidden(&resource, name, why)
}

#[cfg(test)]
mod tests {
    use orchestrator_core::UserInfo;

    use super::*;
    use crate::authz::ResourceTarget;

    fn check(target: Target<'_>, reason: &str, wanted: &str) {
        let user = UserInfo::new("jane", Vec::<String>::new());
        let status = forbidden(Attributes { user: &user, verb: "get", target }, reason);
        assert_eq!((status.code, status.message.as_str()), (403, wanted));
    }

    #[test]
    fn a_refusal_says_who_cannot_do_what_where() {
        let pod = ResourceTarget {
            resource: "pods",
            namespace: "ns",
            name: "x",
            ..ResourceTarget::default()
        };
        check(
            Target::Resource(pod),
            "",
            "pods \"x\" is forbidden: User \"jane\" cannot get resource \"pods\" in API group \"\" \
             in the namespace \"ns\"",
        );
        let logs = ResourceTarget { subresource: "log", namespace: "", ..pod };
        check(
            Target::Resource(logs),
            "no",
            "pods \"x\" is forbidden: User \"jane\" cannot get resource \"pods/log\" in API group \
             \"\" at the cluster scope: no",
        );
        let path = "forbidden: User \"jane\" cannot get path \"/metrics\"";
        check(Target::Path("/metrics"), "", path);
    }
}
