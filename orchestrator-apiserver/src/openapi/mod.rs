//! OpenAPI: what the server serves, for `kubectl explain` and for clients that check before they
//! send.
//!
//! The schemas come from the Rust types by `schemars` (`types`), the extensions of Kubernetes
//! from the schema that also decodes bodies (`extend`), the paths from the registry
//! (`paths`). Everything is made when it is first asked for and kept until the registry
//! changes, so a server that nobody asks pays nothing.

mod custom;
mod extend;
mod paths;
mod render;
mod swagger;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use orchestrator_core::object::Map;
use orchestrator_core::resource::api_version;
use orchestrator_core::schema::Schema;
use orchestrator_core::{Json, ResourceDef};
use parking_lot::{Mutex, MutexGuard};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::registry::Registry;

/// The version that documents tell.
const VERSION: &str = "v1.36.2";

/// The path of the document about the server's own version.
const OWN: &str = "version";

/// The name of the document of everything.
const ALL: &str = "v2";

/// A document with a tag that changes with its bytes.
#[derive(Clone, Debug)]
pub struct Document {
    /// The JSON.
    pub bytes: Bytes,
    /// An upper-case hexadecimal hash of what the document is made of.
    pub etag: String,
}

/// The documents of one server.
#[derive(Debug)]
pub struct OpenApi {
    registry: Registry,
    made: Mutex<Made>,
}

/// The documents made so far, and what the present ones are tagged with.
#[derive(Debug, Default)]
struct Made {
    defs: Vec<Arc<ResourceDef>>,
    tags: BTreeMap<String, String>,
    documents: BTreeMap<String, Document>,
}

impl OpenApi {
    /// Documents of what `registry` serves.
    pub fn new(registry: Registry) -> Self {
        Self { registry, made: Mutex::default() }
    }

    /// `/openapi/v3`: where the document of each group and version is. None of them is made for
    /// it: their tags are enough.
    pub fn index(&self) -> Document {
        let tags = self.now().tags.clone();
        let entry = |(path, tag): (&String, &String)| {
            let url = format!("/openapi/v3/{path}?hash={tag}");
            (path.clone(), json!({"serverRelativeURL": url}))
        };
        let paths: Map = tags.iter().filter(|(path, _)| *path != ALL).map(entry).collect();
        let bytes = Bytes::from(json!({ "paths": paths }).to_string());
        Document { etag: hash(&bytes), bytes }
    }

    /// The document of one group and version, as in `apis/apps/v1`; `None` if it is not served.
    pub fn group_version(&self, path: &str) -> Option<Document> {
        if path == ALL {
            return None;
        }
        self.document(path, |defs| {
            let served: Vec<_> = defs.iter().filter(|def| root(def) == path).collect();
            let (paths, schemas) = match path {
                OWN => (paths::version(), Map::new()),
                _ => content(&served),
            };
            json!({
                "openapi": "3.0.0",
                "info": {"title": "Kubernetes", "version": VERSION},
                "paths": paths,
                "components": {"schemas": schemas},
            })
        })
    }

    /// `/openapi/v2`: everything in one document of the older form.
    pub fn v2(&self) -> Document {
        let all = self.document(ALL, |defs| {
            let (paths, schemas) = content(&defs.iter().collect::<Vec<_>>());
            swagger::document(VERSION, paths, schemas)
        });
        all.expect("the document of everything is always there")
    }

    /// What was made, with the tags for the registry as it is now.
    fn now(&self) -> MutexGuard<'_, Made> {
        let defs = self.registry.defs();
        let mut made = self.made.lock();
        let same = made.defs.len() == defs.len()
            && made.defs.iter().zip(&defs).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same || made.tags.is_empty() {
            let tags = tags(&defs);
            // A document whose parts have not changed stays.
            made.documents.retain(|path, document| tags.get(path) == Some(&document.etag));
            (made.defs, made.tags) = (defs, tags);
        }
        made
    }

    /// The document called `name`, made by `make` unless it was made before.
    fn document(
        &self,
        name: &str,
        make: impl FnOnce(&[Arc<ResourceDef>]) -> Json,
    ) -> Option<Document> {
        let (defs, etag) = {
            let made = self.now();
            if let Some(document) = made.documents.get(name) {
                return Some(document.clone());
            }
            (made.defs.clone(), made.tags.get(name)?.clone())
        };
        let document = Document { bytes: make(&defs).to_string().into(), etag };
        let mut made = self.now();
        if made.tags.get(name) == Some(&document.etag) {
            made.documents.insert(name.into(), document.clone());
        }
        Some(document)
    }
}

/// The tag of each document: a hash of what goes into it.
fn tags(defs: &[Arc<ResourceDef>]) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> =
        [(OWN.to_owned(), VERSION.to_owned()), (ALL.to_owned(), VERSION.to_owned())].into();
    for def in defs {
        let text = fingerprint(def);
        for name in [root(def), ALL.to_owned()] {
            texts.entry(name).or_insert_with(|| VERSION.into()).push_str(&text);
        }
    }
    texts.into_iter().map(|(name, text)| (name, hash(text.as_bytes()))).collect()
}

/// What a definition adds to its document. The built-in schema is that of this build; one of an
/// embedder's own is spelled out.
fn fingerprint(def: &ResourceDef) -> String {
    let ResourceDef { gvr, kind, scope, verbs, subresources, definition, schema, .. } = def;
    let built_in = Schema::builtin().kind(&gvr.group, &gvr.version, kind).is_some();
    let is_spelled = !built_in && schema.source().is_none();
    let own: Vec<_> = schema.definitions().filter(|_| is_spelled).collect();
    let build = env!("CARGO_PKG_VERSION");
    let source = schema.source().map(ToString::to_string).unwrap_or_default();
    format!(
        "\n{build} {gvr} {kind} {scope:?} {verbs:?} {subresources:?} {definition:?} {own:?} {source}"
    )
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The path of a definition's group and version, without the first slash.
fn root(def: &ResourceDef) -> String {
    let prefix = if def.gvr.group.is_empty() { "api" } else { "apis" };
    format!("{prefix}/{}", api_version(&def.gvr.group, &def.gvr.version))
}

/// The paths of `defs`, and every schema that they reach.
fn content(defs: &[&Arc<ResourceDef>]) -> (Map, Map) {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for def in defs {
        paths::add(&mut paths, &format!("/{}", root(def)), def);
        if let Some(name) = paths::name_of(def) {
            let gvk = def.gvk();
            let kind = json!({"group": gvk.group, "version": gvk.version, "kind": def.list_kind()});
            reach(&mut schemas, &def.schema, &name);
            if def.verbs.contains(&orchestrator_core::Verb::List) {
                let list = extend::list(&def.schema, &name, &kind);
                reach_all(&mut schemas, &def.schema, &list);
                schemas.insert(format!("{name}List").into(), list);
            }
        }
        for sub in &def.subresources {
            if let Some(name) = paths::sub_name(def, sub) {
                reach(&mut schemas, &def.schema, &name);
            }
        }
    }
    for name in [paths::STATUS, paths::OPTIONS] {
        reach(&mut schemas, Schema::builtin(), name);
    }
    schemas.insert(paths::PATCH.into(), json!({"type": "object"}));
    (paths, schemas)
}

/// Adds the definition `name`, and all that it refers to.
fn reach(schemas: &mut Map, schema: &Schema, name: &str) {
    if schemas.contains_key(name) {
        return;
    }
    let found = extend::definition(schema, name);
    let Some(definition) = found.or_else(|| extend::definition(Schema::builtin(), name)) else {
        return;
    };
    schemas.insert(name.into(), definition.clone());
    reach_all(schemas, schema, &definition);
}

fn reach_all(schemas: &mut Map, schema: &Schema, from: &Json) {
    let mut names = Vec::new();
    types::references(from, &mut |name| names.push(name));
    for name in names {
        reach(schemas, schema, name);
    }
}
