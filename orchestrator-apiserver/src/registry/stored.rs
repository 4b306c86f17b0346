//! What the store holds of one object.

use orchestrator_core::object::Object;
use orchestrator_core::store::{Key, KeyValue, LeaseId};
use orchestrator_core::value::Item;
use orchestrator_core::{Revision, Status};

/// One object as stored, in the storage version of its kind.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its key.
    pub key: Key,
    /// Value and revision.
    pub item: Item,
    /// The lease that the object ends with; 0 for none.
    pub lease: LeaseId,
}

impl Stored {
    /// The object's tree.
    ///
    /// # Errors
    /// 500: the stored bytes are no object.
    pub fn tree(&self) -> Result<&std::sync::Arc<Object>, Status> {
        self.item.tree().map_err(Status::internal)
    }

    /// The revision that wrote it.
    pub fn revision(&self) -> Revision {
        self.item.revision()
    }
}

impl From<KeyValue> for Stored {
    fn from(kv: KeyValue) -> Self {
        Self { key: kv.key, item: Item::new(kv.value, kv.mod_revision), lease: kv.lease }
    }
}
