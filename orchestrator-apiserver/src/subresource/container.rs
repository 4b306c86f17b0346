//! Which container of which pod, on which node, a request is about.

use orchestrator_core::node::NodeApi;
use orchestrator_core::object::Object;
use orchestrator_core::{GroupVersionResource, Json, Status};
use std::sync::Arc;

use crate::pipeline::Cx;

/// The lists of containers of a pod, with the words for them in messages.
const LISTS: [(&str, &str); 3] = [
    ("containers", ""),
    ("initContainers", " or one of the init containers"),
    ("ephemeralContainers", " or one of the ephemeral containers"),
];

/// The pod that the request names.
pub(super) async fn pod(cx: &Cx<'_>) -> Result<Arc<Object>, Status> {
    let stored = cx.server.objects.read(cx.key()).await?.ok_or_else(|| cx.not_found())?;
    stored.tree().cloned()
}

/// The container that the request names, or the pod's only one.
///
/// # Errors
/// 400: there is no such container, or more than one to choose from.
pub(super) fn choose(pod: &Object, wanted: &str) -> Result<String, Status> {
    let name = pod.name();
    if !wanted.is_empty() {
        let known = LISTS.iter().any(|(list, _)| names(pod, list).any(|name| name == wanted));
        return match known {
            true => Ok(wanted.to_owned()),
            false => {
                let why = format!("container {wanted} is not valid for pod {name}");
                Err(Status::bad_request(why))
            }
        };
    }
    let own: Vec<&str> = names(pod, "containers").collect();
    if let [only] = own[..] {
        return Ok(only.to_owned());
    }
    let mut why = format!("a container name must be specified for pod {name}");
    for (list, words) in LISTS {
        let all: Vec<&str> = names(pod, list).collect();
        if !all.is_empty() {
            let begin = if list == "containers" { ", choose one of" } else { words };
            why.push_str(&format!("{begin}: [{}]", all.join(" ")));
        }
    }
    Err(Status::bad_request(why))
}

fn names<'p>(pod: &'p Object, list: &str) -> impl Iterator<Item = &'p str> {
    let list = pod.at(&["spec", list]).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(|container| container.get("name")?.as_str())
}

/// The API of the pod's node.
///
/// # Errors
/// 400 for a pod without a node, 501 where nodes cannot be reached at all.
pub(super) async fn node(cx: &Cx<'_>, pod: &Object) -> Result<Arc<dyn NodeApi>, Status> {
    let name = pod.text_at(&["spec", "nodeName"]);
    if name.is_empty() {
        let why = format!("pod {} does not have a host assigned", pod.name());
        return Err(Status::bad_request(why));
    }
    let Some(nodes) = &cx.server.nodes else {
        return Err(Status::not_implemented(format!("pods/{}", cx.request.subresource)));
    };
    let gvr = GroupVersionResource::new("", "v1", "nodes");
    let found = cx.server.objects.get(&gvr, "", name).await?;
    let item = found.ok_or_else(|| Status::not_found(&gvr.group_resource(), name))?;
    nodes.dial(&*item.typed().map_err(Status::internal)?).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_is_chosen_only_where_there_is_no_choice() {
        let pod = |containers: &[&str], init: &[&str]| -> Object {
            let list = |names: &[&str]| {
                names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>()
            };
            serde_json::from_value(json!({"metadata": {"name": "p"},
                "spec": {"containers": list(containers), "initContainers": list(init)}}))
            .unwrap()
        };
        assert_eq!(choose(&pod(&["a"], &["i"]), "").unwrap(), "a");
        assert_eq!(choose(&pod(&["a"], &["i"]), "i").unwrap(), "i");
        let refused = |pod: &Object, name: &str| choose(pod, name).unwrap_err().message;
        assert_eq!(refused(&pod(&["a"], &[]), "z"), "container z is not valid for pod p");
        assert_eq!(
            refused(&pod(&["a", "b"], &["i"]), ""),
            "a container name must be specified for pod p, choose one of: [a b] or one of the \
             init containers: [i]"
        );
    }
}
