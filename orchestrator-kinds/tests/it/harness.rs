//! A server in miniature: decodes, defaults, prepares and validates as the real one does, without
//! admission, allocation and a store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use orchestrator_core::env::Env;
use orchestrator_core::field::FieldErrors;
use orchestrator_core::resource::{Change, Network};
use orchestrator_core::schema::{Schema, decode};
use orchestrator_core::{Json, Object, ResourceDef, Verb};
use serde_json::json;

/// What stands for a uid in the facts.
pub const UID: &str = "00000000-0000-4000-8000-000000000001";

/// The lines of a file of facts; `None`, said aloud, where the facts are not there.
pub fn lines(file: &str) -> Option<Vec<Json>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/facts").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: no facts at {}", path.display());
        return None;
    };
    let mut lines: Vec<Json> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.iter_mut().for_each(expand);
    Some(lines)
}

/// `<N x>` stands for N letters x.
fn expand(value: &mut Json) {
    match value {
        Json::String(text) => {
            let inner = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            let parts = inner.and_then(|inner| inner.split_once(' '));
            if let Some((Ok(count), letter)) = parts.map(|(n, x)| (n.parse::<usize>(), x)) {
                *text = letter.repeat(count);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(expand),
        Json::Object(map) => map.values_mut().for_each(expand),
        _ => {}
    }
}

/// The kinds and the words of a change.
pub struct Server {
    defs: Vec<ResourceDef>,
    env: Env,
    network: Network,
}

/// What a path names.
pub struct Target<'a> {
    pub def: &'a ResourceDef,
    pub namespace: String,
    pub subresource: String,
}

impl Server {
    pub fn new() -> Self {
        let network = Network {
            service_cidr: "10.0.0.0/24".into(),
            pod_cidr: "10.244.0.0/16".into(),
            ..Network::default()
        };
        Self { defs: orchestrator_kinds::builtin(), env: Env::system(), network }
    }

    /// The kind that a path names.
    pub fn target(&self, path: &str) -> Option<Target<'_>> {
        let path = path.split('?').next()?.trim_start_matches('/');
        let mut parts = path.split('/').collect::<Vec<_>>().into_iter();
        let (group, version) = match parts.next()? {
            "api" => ("", parts.next()?),
            _ => (parts.next()?, parts.next()?),
        };
        let mut rest: Vec<&str> = parts.collect();
        let mut namespace = String::new();
        if rest.len() > 2 && rest[0] == "namespaces" && !matches!(rest[2], "finalize" | "status") {
            namespace = rest[1].into();
            rest.drain(..2);
        }
        let plural = *rest.first()?;
        let def = self.defs.iter().find(|def| {
            def.gvr.group == group && def.gvr.version == version && def.gvr.resource == plural
        })?;
        let subresource = rest.get(2).copied().unwrap_or_default().into();
        Some(Target { def, namespace, subresource })
    }

    /// Decodes and defaults a body.
    pub fn decode(&self, def: &ResourceDef, body: &Json) -> Option<Object> {
        let schema = Schema::builtin();
        let definition = schema.definition(def.definition.as_deref()?)?;
        let decoded = decode::from_json(schema, definition, body.clone()).ok()?;
        let mut object: Object = serde_json::from_value(decoded.value).ok()?;
        object.set("apiVersion", def.api_version());
        object.set("kind", &*def.kind);
        def.strategy.default(&mut object);
        Some(object)
    }

    /// A new object as the server would store it, and what is wrong with it.
    pub fn create(&self, target: &Target<'_>, body: &Json) -> Option<(Object, FieldErrors)> {
        let mut object = self.decode(target.def, body)?;
        if target.def.is_namespaced() {
            object.set_meta("namespace", target.namespace.as_str());
        }
        object.set_meta("uid", UID);
        if object.name().is_empty() && !object.generate_name().is_empty() {
            object.set_meta("name", format!("{}rand", object.generate_name()));
        }
        // Admission gives pods an account.
        if target.def.kind == "Pod" && object.text_at(&["spec", "serviceAccountName"]).is_empty() {
            object.map_mut("spec").insert("serviceAccountName".into(), "default".into());
        }
        let change =
            Change { subresource: "", verb: Verb::Create, env: &self.env, network: &self.network };
        target.def.strategy.prepare(&mut object, None, change);
        let errors = target.def.strategy.validate(&object, None, change);
        Some((object, errors))
    }

    /// A changed object, and what is wrong with it.
    pub fn update(
        &self,
        target: &Target<'_>,
        old: &Object,
        body: &Json,
        verb: Verb,
    ) -> Option<(Object, FieldErrors)> {
        let mut object = self.decode(target.def, body)?;
        for field in ["namespace", "uid", "generation"] {
            if let Some(value) = old.meta(field) {
                object.set_meta(field, value.clone());
            }
        }
        let change = Change {
            subresource: &target.subresource,
            verb,
            env: &self.env,
            network: &self.network,
        };
        target.def.strategy.prepare(&mut object, Some(old), change);
        let errors = target.def.strategy.validate(&object, Some(old), change);
        Some((object, errors))
    }

    pub fn warnings(&self, target: &Target<'_>, object: &Object) -> Vec<String> {
        let change =
            Change { subresource: "", verb: Verb::Create, env: &self.env, network: &self.network };
        target.def.strategy.warnings(object, None, change)
    }
}

/// Merges a merge patch into a tree.
pub fn merge(tree: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        *tree = patch.clone();
        return;
    };
    if !tree.is_object() {
        *tree = json!({});
    }
    let map = tree.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}

/// How many lines of each kind came out as recorded.
#[derive(Default)]
pub struct Score {
    by_kind: BTreeMap<String, (usize, usize)>,
    failures: String,
}

impl Score {
    pub fn count(&mut self, kind: &str, right: bool) {
        let entry = self.by_kind.entry(kind.into()).or_default();
        entry.0 += usize::from(right);
        entry.1 += 1;
    }

    pub fn explain(&mut self, text: &str) {
        writeln!(self.failures, "{text}").unwrap();
    }

    pub fn total(&self) -> (usize, usize) {
        self.by_kind.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    pub fn print(&self, what: &str) {
        println!("{}", self.failures);
        for (kind, (right, all)) in &self.by_kind {
            println!("{what} {kind}: {right}/{all}");
        }
        println!("{what} total: {:?}", self.total());
    }
}
