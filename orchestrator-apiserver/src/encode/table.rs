//! Tables: columns and rows as `kubectl get` prints them.

use jiff::Timestamp;
use orchestrator_core::resource::TableRows;
use orchestrator_core::{Item, Json, Status};
use serde_json::json;

use super::accept::MetaVersion;
use super::metadata;

/// What of an object a row carries beside its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl Include {
    /// Reads the `includeObject` parameter of a query.
    ///
    /// # Errors
    /// 400 for any other word.
    pub fn parse(text: Option<&str>) -> Result<Self, Status> {
        match text.unwrap_or_default() {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => {
                Err(Status::bad_request(format!("unrecognized includeObject value: {other:?}")))
            }
        }
    }
}

/// The `columnDefinitions`.
pub(crate) fn columns(rows: &dyn TableRows) -> Json {
    let columns = rows.columns().into_iter().map(|column| {
        json!({
            "name": column.name, "type": column.r#type, "format": column.format,
            "description": column.description, "priority": column.priority,
        })
    });
    columns.collect()
}

/// The row of one object.
pub(crate) fn row(
    rows: &dyn TableRows,
    item: &Item,
    include: Include,
    version: MetaVersion,
    now: Timestamp,
) -> Json {
    let cells = item.tree().map(|tree| rows.cells(tree, now)).unwrap_or_default();
    let object = match include {
        Include::None => Json::Null,
        Include::Metadata => metadata::of(item, version).into_json(),
        Include::Object => item.to_object().map_or(Json::Null, |object| object.into_json()),
    };
    json!({"cells": cells, "object": object})
}
