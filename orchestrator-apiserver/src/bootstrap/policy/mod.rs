//! The roles and bindings that every cluster has, kept as they should be.
//!
//! What they are is data (`policy.txt`, read by `table`). A start makes what is missing and adds
//! what was taken from the rest, unless the object's annotation says that it is not to be touched;
//! it never takes away what somebody has added (`reconcile`).

mod reconcile;
mod table;

use orchestrator_core::object::Object;
use orchestrator_core::store::{Compare, Op, Put, Range, Txn};
use orchestrator_core::{GroupVersionResource, Revision, Status};
use rustc_hash::FxHashMap;

pub(crate) use table::rules_of;

use self::table::GROUP;
use crate::registry::{Resource, Stored, failed};
use crate::server::ApiServer;

/// How many objects are made in one transaction: as many puts and comparisons are below every
/// store's limit.
const AT_ONCE: usize = 100;

/// The resources, in the order in which their objects are made.
const RESOURCES: [&str; 4] = ["clusterroles", "roles", "clusterrolebindings", "rolebindings"];

/// Makes what is missing and mends what is less than it should be.
pub(super) async fn run(server: &ApiServer) -> Result<(), Status> {
    let mut wanted: FxHashMap<&str, Vec<Object>> = FxHashMap::default();
    for object in table::objects() {
        wanted.entry(plural(&object)).or_default().push(object);
    }
    for plural in RESOURCES {
        let gvr = GroupVersionResource::new(GROUP, "v1", plural);
        let Some(resource) = server.registry.get(&gvr) else { continue };
        let found = server.objects.range(Range::new(resource.keys(""))).await?;
        let found: FxHashMap<_, _> =
            found.kvs.into_iter().map(Stored::from).map(|s| (s.key.clone(), s)).collect();
        let mut missing = Vec::new();
        for object in wanted.remove(plural).unwrap_or_default() {
            match found.get(&resource.key(object.namespace(), object.name())) {
                Some(stored) => reconcile::run(server, &gvr, stored, &object).await?,
                None => missing.push(object),
            }
        }
        for some in missing.chunks(AT_ONCE) {
            make(server, &resource, some).await?;
        }
    }
    Ok(())
}

/// The resource of a role or binding.
fn plural(object: &Object) -> &'static str {
    match object.kind() {
        "ClusterRole" => RESOURCES[0],
        "Role" => RESOURCES[1],
        "ClusterRoleBinding" => RESOURCES[2],
        _ => RESOURCES[3],
    }
}

/// Writes objects that are not there, as they are: they are many, and known to be right.
async fn make(server: &ApiServer, resource: &Resource, objects: &[Object]) -> Result<(), Status> {
    let now = server.env.now_rfc3339();
    let mut txn = Txn::default();
    for object in objects {
        let key = resource.key(object.namespace(), object.name());
        let mut object = object.clone();
        object.set_meta("uid", server.env.uid());
        object.set_meta("creationTimestamp", now.as_str());
        let value = resource.to_stored(object, None).await?;
        value.bytes();
        value.cool();
        txn.compare.push(Compare::mod_revision(key.clone(), Revision::ZERO));
        txn.then.push(Op::Put(Put { key, value: Some(value), lease: Some(0) }));
    }
    // Where the comparison fails, another server on the same store makes them.
    server.objects.store().txn(txn).await.map_err(|error| failed(&error))?;
    Ok(())
}
