//! Single objects, and JSON trees in any encoding.

use bytes::Bytes;
use orchestrator_core::object::Object;
use orchestrator_core::resource::{NameAndAge, TableRows};
use orchestrator_core::{Item, Json, ResourceDef, Status};
use serde_json::json;

use super::accept::{Encoding, Form, Shape};
use super::{Clock, Include, metadata, protobuf, table};

/// Encodes one object in the negotiated form; a `Status` keeps its own shape.
///
/// # Errors
/// 406 where the form is one of lists; 500 where the stored object cannot be read.
pub(crate) fn encode(
    item: &Item,
    def: Option<&ResourceDef>,
    form: Form,
    include: Include,
    clock: &Clock,
) -> Result<Bytes, Status> {
    if form.shape == Shape::Object {
        return as_it_is(item, form);
    }
    let tree = item.tree().map_err(Status::internal)?;
    if tree.kind() == "Status" && tree.api_version() == "v1" {
        return as_it_is(item, form);
    }
    let json = match form.shape {
        Shape::Metadata(version) => metadata::of(item, version).into_json(),
        Shape::Table(version) => {
            let rows: &dyn TableRows = def.map_or(&NameAndAge, |def| &*def.table);
            let mut json = json!({
                "kind": "Table", "apiVersion": version.api_version(), "metadata": {},
                "columnDefinitions": table::columns(rows),
                "rows": [table::row(rows, item, include, version, clock.now())],
            });
            if !item.revision().is_zero() {
                json["metadata"]["resourceVersion"] = item.revision().to_string().into();
            }
            json
        }
        Shape::MetadataList(_) | Shape::Object => return Err(not_a_list(tree, def)),
    };
    encode_json(&json, form)
}

fn as_it_is(item: &Item, form: Form) -> Result<Bytes, Status> {
    if form.encoding == Encoding::Json && !form.pretty {
        return Ok(item.wire());
    }
    let object = item.to_object().map_err(Status::internal)?;
    encode_json(&object.into_json(), form)
}

/// 406: the form for lists was asked of one object.
fn not_a_list(tree: &Object, def: Option<&ResourceDef>) -> Status {
    let message = format!(
        "you requested PartialObjectMetadataList, but the requested object is not a list (*{}.{})",
        def.map_or("core", go_package),
        tree.kind()
    );
    Status::new(406, "NotAcceptable", message)
}

/// The package that Go's messages name a kind with.
pub(crate) fn go_package(def: &ResourceDef) -> &str {
    match def.gvr.group.split('.').next() {
        None | Some("") => "core",
        Some(package) => package,
    }
}

/// Encodes a tree.
///
/// # Errors
/// 406 for protobuf of a kind that has no such form.
pub(crate) fn encode_json(json: &Json, form: Form) -> Result<Bytes, Status> {
    Ok(match form.encoding {
        Encoding::Json if form.pretty => {
            let mut text = serde_json::to_vec_pretty(json).expect("a JSON tree always encodes");
            text.push(b'\n');
            text.into()
        }
        Encoding::Json => serde_json::to_vec(json).expect("a JSON tree always encodes").into(),
        Encoding::Yaml => super::yaml::encode(json).into(),
        Encoding::Protobuf => protobuf::encode(json)
            .ok_or_else(|| Status::not_acceptable("application/json, application/yaml"))?,
    })
}
