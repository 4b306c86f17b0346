//! Which table belongs to a kind.

use std::sync::Arc;

use jiff::Timestamp;
use orchestrator_core::resource::{Column, TableRows};
use orchestrator_core::{GroupVersionResource, Json, Object};

/// Makes the cells of one object.
type Row = fn(&Object, Timestamp) -> Vec<Json>;

/// The columns as facts, the cells as a function.
#[derive(Debug)]
struct Table {
    columns: Vec<Column>,
    row: Row,
}

impl TableRows for Table {
    fn columns(&self) -> Vec<Column> {
        self.columns.clone()
    }

    fn cells(&self, object: &Object, now: Timestamp) -> Vec<Json> {
        (self.row)(object, now)
    }
}

/// The table of a kind.
pub(super) fn of(_gvr: &GroupVersionResource, columns: Vec<Column>) -> Arc<dyn TableRows> {
    let row: Row = |object, _| vec![object.name().into(), object.creation_timestamp().into()];
    Arc::new(Table { columns, row })
}
