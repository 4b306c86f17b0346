//! Deleting all that a namespace holds, of any kind.

use std::collections::BTreeSet;

use orchestrator_client::Client;
use orchestrator_core::request::Options;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Item, Status, Verb};

use super::conditions::Remains;
use crate::deps::ServedResource;

/// Deletes what a namespace holds of the given resources and tells what is left. Pods go first:
/// what they need stays until they have ended.
pub(super) async fn delete_all(
    client: &Client,
    namespace: &str,
    resources: &[ServedResource],
) -> Remains {
    let mut remains = Remains::default();
    let is_pods = |r: &&ServedResource| r.gvr.group.is_empty() && r.gvr.resource == "pods";
    for resource in resources.iter().filter(is_pods) {
        delete(client, namespace, resource, &mut remains).await;
    }
    if remains.is_nothing() {
        for resource in resources.iter().filter(|resource| !is_pods(resource)) {
            delete(client, namespace, resource, &mut remains).await;
        }
    }
    remains
}

async fn delete(
    client: &Client,
    namespace: &str,
    resource: &ServedResource,
    remains: &mut Remains,
) {
    match try_delete(client, namespace, resource).await {
        Ok(left) if left.is_empty() => {}
        Ok(left) => {
            remains.objects.insert(resource.gvr.clone(), left.len());
            for item in &left {
                let finalizers: BTreeSet<String> = match item.tree() {
                    Ok(tree) => tree.finalizers().map(str::to_owned).collect(),
                    Err(_) => BTreeSet::new(),
                };
                for finalizer in finalizers {
                    *remains.finalizers.entry(finalizer).or_default() += 1;
                }
            }
        }
        Err(status) => remains.failures.push(format!("{}: {}", resource.gvr, status.message)),
    }
}

/// Deletes the objects of one resource; returns those that are still there afterwards.
async fn try_delete(
    client: &Client,
    namespace: &str,
    resource: &ServedResource,
) -> Result<Vec<Item>, Status> {
    let found = list(client, namespace, resource).await?;
    let present = |item: &&Item| item.tree().is_ok_and(|tree| tree.deletion_timestamp().is_none());
    if !found.iter().any(|item| present(&item)) {
        return Ok(found);
    }
    let options = || Options { propagation_policy: "Background".into(), ..Options::default() };
    if resource.serves(&[Verb::DeleteCollection]) {
        let request = client.request(Verb::DeleteCollection, resource.gvr.clone());
        client.call(request.namespace(namespace).options(options())).await?;
    } else {
        for item in found.iter().filter(present) {
            let request = client.request(Verb::Delete, resource.gvr.clone());
            match client.call(request.object(&item.key()).options(options())).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
    }
    list(client, namespace, resource).await
}

async fn list(
    client: &Client,
    namespace: &str,
    resource: &ServedResource,
) -> Result<Vec<Item>, Status> {
    let request = client.request(Verb::List, resource.gvr.clone()).namespace(namespace);
    match client.call(request).await {
        Ok(response) => match response.body {
            ResponseBody::List(list) => Ok(list.items),
            other => Err(Status::internal(format_args!("unexpected form of answer: {other:?}"))),
        },
        // The resource has gone since; so have its objects.
        Err(status) if status.is_not_found() => Ok(Vec::new()),
        Err(status) => Err(status),
    }
}
