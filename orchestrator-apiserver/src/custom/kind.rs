//! What a definition says, as the server needs it: one [`ResourceDef`] per served version.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use orchestrator_core::resource::{GroupVersionKind, Scope, StorageDef, SubresourceDef, Word};
use orchestrator_core::schema::{Gvk, Schema};
use orchestrator_core::{GroupVersionResource, Json, Object, ResourceDef, Verb};
use orchestrator_custom::{Structural, condition};
use orchestrator_kinds::fields::Fields;
use orchestrator_kinds::rules::Checked;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::Plane;
use super::columns::Columns;
use super::convert::Conversion;
use super::strategy::CustomRules;
use super::versions;
use crate::registry::Resource;

/// The verbs of custom resources, in the order of discovery.
const VERBS: [Verb; 8] = [
    Verb::Delete,
    Verb::DeleteCollection,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Create,
    Verb::Update,
    Verb::Watch,
];

/// The same of a kind on its way out.
const LAST_VERBS: [Verb; 5] =
    [Verb::Delete, Verb::DeleteCollection, Verb::Get, Verb::List, Verb::Watch];

/// A kind that was made at run time, in one version.
#[derive(Debug)]
pub(crate) struct CustomKind {
    /// What all versions share.
    pub(crate) family: Arc<Family>,
    /// The version, as in `v1`.
    pub(crate) version: Word,
    /// Where the parts of a scale are; `None` for a kind without one.
    pub(crate) scale: Option<ScalePaths>,
    /// Whether the definition is on its way out, so that nothing new is made.
    pub(crate) is_terminating: bool,
    /// Tells watches that the kind is no longer what they began with.
    pub(crate) retired: CancellationToken,
}

/// What all versions of a kind share.
#[derive(Debug)]
pub(crate) struct Family {
    /// The group.
    pub(crate) group: Word,
    /// The version of the stored form.
    pub(crate) storage: Word,
    /// The schemas of all versions, also of those that are not served.
    pub(crate) schemas: BTreeMap<String, Arc<Structural>>,
    /// How objects get from one version to another.
    pub(crate) conversion: Conversion,
}

/// Where the parts of a scale are in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    /// The number wanted.
    pub(crate) spec: Vec<String>,
    /// The number there is.
    pub(crate) status: Vec<String>,
    /// The selector as a text, where there is one.
    pub(crate) selector: Option<Vec<String>>,
}

impl ScalePaths {
    fn read(scale: &Json) -> Option<Self> {
        let steps = |path: &str| -> Vec<String> {
            path.trim_start_matches('.').split('.').map(str::to_owned).collect()
        };
        scale.is_object().then(|| Self {
            spec: steps(scale.text("specReplicasPath")),
            status: steps(scale.text("statusReplicasPath")),
            selector: Some(scale.text("labelSelectorPath"))
                .filter(|path| !path.is_empty())
                .map(steps),
        })
    }
}

/// The resources that `definition` describes; none where they are not to be served.
pub(super) fn resources(definition: &Object, plane: &Plane) -> Vec<Resource> {
    if !condition::holds(definition, condition::ESTABLISHED) {
        return Vec::new();
    }
    let spec = definition.sub("spec");
    let versions = spec.list("versions");
    let family = Arc::new(Family::read(definition, plane));
    let mut served: Vec<&Json> = versions.iter().filter(|version| version.flag("served")).collect();
    served.sort_by(|a, b| versions::order(a.text("name"), b.text("name")));
    served.into_iter().map(|version| resource(definition, version, &family)).collect()
}

impl Family {
    fn read(definition: &Object, plane: &Plane) -> Self {
        let spec = definition.sub("spec");
        let versions = spec.list("versions");
        let name = |version: &Json| version.text("name").to_owned();
        let storage = versions.iter().find(|version| version.flag("storage"));
        let schema =
            |version: &Json| Structural::read(version.sub("schema").sub("openAPIV3Schema"));
        Self {
            group: spec.text("group").to_owned().into(),
            storage: storage.map(name).unwrap_or_default().into(),
            schemas: versions.iter().map(|v| (name(v), Arc::new(schema(v)))).collect(),
            conversion: Conversion::read(definition, plane),
        }
    }
}

fn resource(definition: &Object, version: &Json, family: &Arc<Family>) -> Resource {
    let is_terminating = condition::holds(definition, condition::TERMINATING);
    let custom = Arc::new(CustomKind {
        family: Arc::clone(family),
        version: version.text("name").to_owned().into(),
        scale: ScalePaths::read(version.sub("subresources").sub("scale")),
        is_terminating,
        retired: CancellationToken::new(),
    });
    let def = definition_of(definition, version, &custom);
    Resource::custom(def, custom)
}

fn definition_of(definition: &Object, version: &Json, custom: &Arc<CustomKind>) -> ResourceDef {
    let (spec, names) = (definition.sub("spec"), definition.sub("status").sub("acceptedNames"));
    let family = &custom.family;
    let text = |name: &str| Word::from(names.text(name).to_owned());
    let words =
        |name: &str| names.texts(name).map(|word| Word::from(word.to_owned())).collect::<Vec<_>>();
    let gvr =
        GroupVersionResource::new(family.group.clone(), custom.version.clone(), text("plural"));
    let scope = match spec.text("scope") {
        "Cluster" => Scope::Cluster,
        _ => Scope::Namespaced,
    };
    let gvk =
        Gvk { group: family.group.clone(), version: custom.version.clone(), kind: text("kind") };
    let openapi = version.sub("schema").sub("openAPIV3Schema");
    let schema = Schema::from_openapi(gvk.clone(), Some(openapi).filter(|s| s.is_object()));
    let schema = Arc::new(schema.unwrap_or_default());
    let found = schema.kind(&gvk.group, &gvk.version, &gvk.kind).map(|known| known.name.clone());
    let has_status = version.sub("subresources").has("status");
    let rules = CustomRules { kind: Arc::clone(custom), has_status };
    let storage = StorageDef {
        resource: gvr.group_resource(),
        group: family.group.clone(),
        version: family.storage.clone(),
        ttl_s: 0,
    };
    ResourceDef {
        kind: text("kind"),
        list_kind: text("listKind"),
        singular: text("singular"),
        short_names: words("shortNames"),
        categories: words("categories"),
        verbs: if custom.is_terminating { LAST_VERBS.to_vec() } else { VERBS.to_vec() },
        subresources: subresources(version, &gvk),
        definition: found,
        strategy: Arc::new(Checked { rules, namespaced: scope == Scope::Namespaced }),
        table: Arc::new(Columns::read(version)),
        selectable_fields: version
            .list("selectableFields")
            .iter()
            .map(|field| field.text("jsonPath").trim_start_matches('.').to_owned().into())
            .collect(),
        selector_rejection: "field label not supported: {key}".into(),
        storage_version_hash: storage_hash(&storage, &gvk.kind),
        deprecation: deprecation(definition, version),
        scope,
        schema,
        storage,
        gvr,
    }
}

fn subresources(version: &Json, gvk: &Gvk) -> Vec<SubresourceDef> {
    let declared = version.sub("subresources");
    let verbs = vec![Verb::Get, Verb::Patch, Verb::Update];
    let own = GroupVersionKind::new(gvk.group.clone(), gvk.version.clone(), gvk.kind.clone());
    let mut all = Vec::new();
    if declared.has("status") {
        all.push(SubresourceDef { name: "status".into(), kind: own, verbs: verbs.clone() });
    }
    if declared.has("scale") {
        let kind = GroupVersionKind::new("autoscaling", "v1", "Scale");
        all.push(SubresourceDef { name: "scale".into(), kind, verbs });
    }
    all
}

/// What discovery calls the stored form.
fn storage_hash(storage: &StorageDef, kind: &str) -> Word {
    let text = format!("{}/{}/{kind}", storage.group, storage.version);
    let digest = Sha256::digest(text.as_bytes());
    BASE64_STANDARD.encode(&digest[..8]).into()
}

/// What users of a version are told that is on its way out.
fn deprecation(definition: &Object, version: &Json) -> Option<Word> {
    if !version.flag("deprecated") {
        return None;
    }
    let warning = version.text("deprecationWarning");
    if !warning.is_empty() {
        return Some(warning.to_owned().into());
    }
    let spec = definition.sub("spec");
    let (group, kind) = (spec.text("group"), spec.sub("names").text("kind"));
    let name = version.text("name");
    let better = spec.list("versions").iter().filter(|other| {
        let is_newer = versions::order(other.text("name"), name).is_lt();
        other.flag("served") && !other.flag("deprecated") && is_newer
    });
    let best = better.map(|other| other.text("name")).min_by(|a, b| versions::order(a, b));
    let instead = best.map(|best| format!("; use {group}/{best} {kind}")).unwrap_or_default();
    Some(format!("{group}/{name} {kind} is deprecated{instead}").into())
}
