//! OpenAPI: what the server serves, for `kubectl explain` and for clients that check before they
//! send.
//!
//! The schemas come from the Rust types by `schemars` ([`types`]), the extensions of Kubernetes
//! from the schema that also decodes bodies ([`extend`]), the paths from the registry
//! ([`paths`]). Everything is made when it is first asked for and kept until the registry
//! changes, so a server that nobody asks pays nothing.

mod extend;
mod paths;
mod render;
mod swagger;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use orchestrator_core::object::Map;
use orchestrator_core::resource::api_version;
use orchestrator_core::schema::Schema;
use orchestrator_core::{Json, ResourceDef};
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::registry::Registry;

/// The version that documents tell.
const VERSION: &str = "v1.36.2";

/// A document with a tag that changes with its bytes.
#[derive(Clone, Debug)]
pub struct Document {
    /// The JSON.
    pub bytes: Bytes,
    /// An upper-case hexadecimal hash of the bytes.
    pub etag: String,
}

/// The documents of one server.
#[derive(Debug)]
pub struct OpenApi {
    registry: Registry,
    made: Mutex<Made>,
}

/// The documents made so far, for one state of the registry.
#[derive(Debug, Default)]
struct Made {
    defs: Vec<Arc<ResourceDef>>,
    documents: BTreeMap<String, Document>,
}

impl OpenApi {
    /// Documents of what `registry` serves.
    pub fn new(registry: Registry) -> Self {
        Self { registry, made: Mutex::default() }
    }

    /// `/openapi/v3`: where the document of each group and version is.
    pub fn index(&self) -> Document {
        self.document("", |defs| {
            let entry = |path: &String| {
                let hash = self.group_version(path).map(|document| document.etag);
                let url = format!("/openapi/v3/{path}?hash={}", hash.unwrap_or_default());
                (path.clone(), json!({"serverRelativeURL": url}))
            };
            let paths: Map = roots(defs).iter().map(entry).collect();
            Some(json!({ "paths": paths }))
        })
        .expect("the index is always there")
    }

    /// The document of one group and version, as in `apis/apps/v1`; `None` if it is not served.
    pub fn group_version(&self, path: &str) -> Option<Document> {
        self.document(path, |defs| {
            let served: Vec<_> = defs.iter().filter(|def| root(def) == path).collect();
            if served.is_empty() {
                return None;
            }
            let (paths, schemas) = content(&served);
            Some(json!({
                "openapi": "3.0.0",
                "info": {"title": "Kubernetes", "version": VERSION},
                "paths": paths,
                "components": {"schemas": schemas},
            }))
        })
    }

    /// `/openapi/v2`: everything in one document of the older form.
    pub fn v2(&self) -> Document {
        self.document("v2", |defs| {
            let (paths, schemas) = content(&defs.iter().collect::<Vec<_>>());
            Some(swagger::document(VERSION, paths, schemas))
        })
        .expect("the document of everything is always there")
    }

    /// The document called `name`, made by `make` unless it was made before.
    fn document(
        &self,
        name: &str,
        make: impl FnOnce(&[Arc<ResourceDef>]) -> Option<Json>,
    ) -> Option<Document> {
        let defs = self.registry.defs();
        let same = |made: &Made| {
            made.defs.len() == defs.len()
                && made.defs.iter().zip(&defs).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        {
            let mut made = self.made.lock();
            if !same(&made) {
                *made = Made { defs: defs.clone(), documents: BTreeMap::new() };
            }
            if let Some(document) = made.documents.get(name) {
                return Some(document.clone());
            }
        }
        let bytes = Bytes::from(make(&defs)?.to_string());
        let etag = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02X}")).collect();
        let document = Document { bytes, etag };
        let mut made = self.made.lock();
        if same(&made) {
            made.documents.insert(name.into(), document.clone());
        }
        Some(document)
    }
}

/// The path of a definition's group and version, without the first slash.
fn root(def: &ResourceDef) -> String {
    let prefix = if def.gvr.group.is_empty() { "api" } else { "apis" };
    format!("{prefix}/{}", api_version(&def.gvr.group, &def.gvr.version))
}

fn roots(defs: &[Arc<ResourceDef>]) -> BTreeSet<String> {
    defs.iter().map(|def| root(def)).collect()
}

/// The paths of `defs`, and every schema that they reach.
fn content(defs: &[&Arc<ResourceDef>]) -> (Map, Map) {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for def in defs {
        paths::add(&mut paths, &format!("/{}", root(def)), def);
        if let Some(name) = paths::name_of(def) {
            let gvk = def.gvk();
            let kind = json!({"group": gvk.group, "version": gvk.version,
                "kind": format!("{}List", gvk.kind)});
            reach(&mut schemas, &def.schema, &name);
            if def.verbs.contains(&orchestrator_core::Verb::List) {
                let list = extend::list(&def.schema, &name, &kind);
                reach_all(&mut schemas, &def.schema, &list);
                schemas.insert(format!("{name}List"), list);
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
