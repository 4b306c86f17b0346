//! The list of built-in kinds: names, verbs, columns and selectors as facts, joined with the
//! rules of each kind.
//!
//! The facts are a table in `kinds.txt` that `generate.py` writes; [`strategies`] and [`tables`]
//! say which rules and which table belong to a kind.

mod facts;
mod strategies;
mod tables;

use std::sync::Arc;

use orchestrator_core::resource::{ResourceDef, StorageDef, Word};
use orchestrator_core::schema::Schema;
use orchestrator_core::{GroupResource, GroupVersionResource};

use facts::Facts;

/// How long an event lives, in seconds.
const EVENT_TTL_S: u64 = 3600;

/// Every version of every built-in kind, in the order of discovery.
pub fn builtin() -> Vec<ResourceDef> {
    facts::all().into_iter().map(definition).collect()
}

fn definition(facts: Facts) -> ResourceDef {
    let schema = Schema::builtin();
    let GroupVersionResource { group, version, .. } = &facts.gvr;
    let definition = schema.kind(group, version, &facts.kind).map(|known| known.name.clone());
    ResourceDef {
        deprecation: deprecation(&facts.gvr),
        storage: storage(&facts.gvr),
        strategy: strategies::of(&facts),
        table: tables::of(&facts.gvr, facts.columns),
        gvr: facts.gvr,
        kind: facts.kind,
        list_kind: Word::default(),
        singular: facts.singular,
        short_names: facts.short_names,
        categories: facts.categories,
        scope: facts.scope,
        verbs: facts.verbs,
        subresources: facts.subresources,
        schema: Arc::clone(schema),
        definition,
        selectable_fields: facts.fields,
        selector_rejection: facts.rejection,
        storage_version_hash: facts.storage_version_hash,
    }
}

/// What users of a resource are told that is on its way out.
fn deprecation(gvr: &GroupVersionResource) -> Option<Word> {
    Some(match (&*gvr.group, &*gvr.version, &*gvr.resource) {
        ("", "v1", "componentstatuses") => "v1 ComponentStatus is deprecated in v1.19+".into(),
        ("", "v1", "endpoints") => {
            "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".into()
        }
        _ => return None,
    })
}

/// Two kinds have two versions: events are kept as those of the core group, autoscalers as
/// `autoscaling/v2`, which can say all that v1 can.
fn storage(gvr: &GroupVersionResource) -> StorageDef {
    let (group, version) = match (&*gvr.group, &*gvr.resource) {
        ("events.k8s.io", "events") => ("".into(), "v1".into()),
        ("autoscaling", "horizontalpodautoscalers") => ("autoscaling".into(), "v2".into()),
        _ => (gvr.group.clone(), gvr.version.clone()),
    };
    let resource = GroupResource { group: group.clone(), resource: gvr.resource.clone() };
    let ttl_s = if gvr.resource == "events" { EVENT_TTL_S } else { 0 };
    StorageDef { resource, group, version, ttl_s }
}

#[cfg(test)]
mod tests {
    use orchestrator_core::Verb;

    use super::*;

    fn find(group: &str, version: &str, plural: &str) -> ResourceDef {
        let all = builtin();
        let wanted =
            GroupVersionResource::new(group.to_owned(), version.to_owned(), plural.to_owned());
        all.into_iter().find(|def| def.gvr == wanted).unwrap()
    }

    #[test]
    fn a_kind_has_all_that_discovery_says() {
        let pods = find("", "v1", "pods");
        assert_eq!((&*pods.kind, &*pods.singular), ("Pod", "pod"));
        assert_eq!(pods.short_names, ["po"]);
        assert_eq!(pods.categories, ["all"]);
        assert_eq!(pods.verbs.len(), 8);
        assert_eq!(pods.subresource("eviction").unwrap().kind.api_version(), "policy/v1");
        assert_eq!(pods.subresource("binding").unwrap().verbs, [Verb::Create]);
        assert_eq!(pods.definition.as_deref(), Some("io.k8s.api.core.v1.Pod"));
        assert!(pods.selectable_fields.iter().any(|field| field == "spec.nodeName"));
        assert!(pods.is_namespaced() && pods.is_storage_version());
    }

    #[test]
    fn every_kind_has_a_definition_and_columns_where_it_can_be_listed() {
        for def in builtin() {
            assert!(def.definition.is_some(), "{}", def.gvr);
            let listed = def.verbs.contains(&Verb::List);
            assert_eq!(listed, !def.table.columns().is_empty(), "{}", def.gvr);
        }
    }

    #[test]
    fn versions_that_share_objects_share_their_keys() {
        let (core, new) = (find("", "v1", "events"), find("events.k8s.io", "v1", "events"));
        assert_eq!(core.key_prefix(), new.key_prefix());
        assert_eq!((core.storage.ttl_s, new.is_storage_version()), (3600, false));
        let (v1, v2) = ("v1", "v2");
        let hpa = |version| find("autoscaling", version, "horizontalpodautoscalers");
        assert_eq!(hpa(v1).key_prefix(), hpa(v2).key_prefix());
        assert!(hpa(v2).is_storage_version() && !hpa(v1).is_storage_version());
    }
}
