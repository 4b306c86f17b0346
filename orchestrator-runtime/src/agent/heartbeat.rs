//! The heartbeat: registers the node, renews its lease, keeps its status true.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference, Time};
use orchestrator_client::{Informer, KindExt, Patch};
use orchestrator_core::env::rfc3339_micros;
use orchestrator_core::{ObjectKey, Status};
use serde_json::json;
use tokio::sync::watch;

use super::context::Context;
use super::node;

/// The namespace of node leases.
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// How often a status is written though nothing has changed: the kubelet's default.
const REPORT_PERIOD: Duration = Duration::from_secs(300);

/// The pause before a failed registration or renewal is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Runs for ever; says that it is ready once the node is registered and the lease held.
pub(super) async fn run(context: Arc<Context>, nodes: Informer<Node>, ready: watch::Sender<bool>) {
    let uid = loop {
        match register(&context).await {
            Ok(node) => break node.uid().to_owned(),
            Err(status) => tracing::warn!(%status, "node not registered"),
        }
        context.env.sleep(RETRY).await;
    };
    let period = context.node.lease / 4;
    let mut reported = context.env.instant();
    loop {
        let busy = context.env.activity().begin();
        let renewed = renew(&context, &uid).await;
        let due = context.env.instant() - reported >= REPORT_PERIOD;
        let told = report(&context, &nodes, due).await;
        if matches!(told, Ok(true)) {
            reported = context.env.instant();
        }
        drop(busy);
        let pause = match renewed.and(told) {
            Ok(_) => {
                ready.send_replace(true);
                period
            }
            Err(status) => {
                tracing::warn!(%status, "heartbeat failed");
                RETRY.min(period)
            }
        };
        context.env.sleep(pause).await;
    }
}

/// Makes the node, or takes over the one that is there.
async fn register(context: &Context) -> Result<Arc<Node>, Status> {
    let api = context.client.api::<Node>();
    let wanted = node::node(&context.node);
    let key = ObjectKey::cluster(context.node.name.as_str());
    let present = match api.create(&wanted).await {
        Err(status) if status.is_already_exists() => {
            let labels = json!({"metadata": {"labels": wanted.metadata.labels}});
            api.patch(&key, Patch::Merge(labels)).await?
        }
        made => made?,
    };
    write_status(context, &present).await?;
    Ok(present)
}

async fn write_status(context: &Context, present: &Node) -> Result<(), Status> {
    let status = wanted_status(context, present.status.as_ref());
    let key = ObjectKey::cluster(context.node.name.as_str());
    let status = serde_json::to_value(status).map_err(Status::internal)?;
    let patch = Patch::Strategic(json!({"status": status}));
    context.client.api::<Node>().patch_status(&key, patch).await.map(drop)
}

fn wanted_status(context: &Context, before: Option<&NodeStatus>) -> NodeStatus {
    let now = Time(context.env.now());
    let pressure = |condition: &str| context.pressure.holds(condition, context.env.now());
    node::status(&context.node, &context.runtime.info(), before, now, pressure)
}

/// Writes the status where it is not true any more, or where it is time; tells whether it did.
async fn report(context: &Context, nodes: &Informer<Node>, due: bool) -> Result<bool, Status> {
    let Some(present) = nodes.get(&ObjectKey::cluster(context.node.name.as_str())) else {
        return Ok(false);
    };
    let wanted = wanted_status(context, present.status.as_ref());
    let same = present.status.as_ref().is_some_and(|s| timeless(s) == timeless(&wanted));
    if same && !due {
        return Ok(false);
    }
    write_status(context, &present).await.map(|()| true)
}

/// A status without the times at which it was told.
fn timeless(status: &NodeStatus) -> NodeStatus {
    let mut status = status.clone();
    for condition in status.conditions.iter_mut().flatten() {
        condition.last_heartbeat_time = None;
        condition.last_transition_time = None;
    }
    // Others fill these in, and order does not matter for what the node says of itself.
    status.volumes_attached = None;
    status.volumes_in_use = None;
    if let Some(conditions) = &mut status.conditions {
        conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    }
    status
}

/// Renews the lease, or makes it.
async fn renew(context: &Context, node_uid: &str) -> Result<(), Status> {
    let api = context.client.api::<Lease>();
    let name = context.node.name.as_str();
    let key = ObjectKey::new(LEASE_NAMESPACE, name);
    let now = context.env.now();
    let patch = json!({"spec": {"holderIdentity": name, "renewTime": rfc3339_micros(now)}});
    match api.patch(&key, Patch::Merge(patch)).await {
        Err(status) if status.is_not_found() => {}
        other => return other.map(drop),
    }
    let owner = OwnerReference {
        api_version: "v1".into(),
        kind: "Node".into(),
        name: name.into(),
        uid: node_uid.into(),
        ..OwnerReference::default()
    };
    let lease = Lease {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: Some(LEASE_NAMESPACE.into()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.into()),
            lease_duration_seconds: i32::try_from(context.node.lease.as_secs()).ok(),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    };
    api.create(&lease).await.map(drop)
}
