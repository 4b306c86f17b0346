//! Which table belongs to a kind.

use std::sync::Arc;

use jiff::Timestamp;
use orchestrator_core::resource::{Column, TableRows};
use orchestrator_core::{GroupVersionResource, Json, Object};

use crate::tables::{self, Row};

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
pub(super) fn of(gvr: &GroupVersionResource, columns: Vec<Column>) -> Arc<dyn TableRows> {
    Arc::new(Table { columns, row: tables::row(gvr) })
}
