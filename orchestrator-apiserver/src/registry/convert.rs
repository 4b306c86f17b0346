//! Between the version that is stored and the versions that are served.

use orchestrator_core::object::Object;
use orchestrator_core::resource::api_version;
use orchestrator_core::value::Item;
use orchestrator_core::{Status, Value};

use super::Resource;

impl Resource {
    /// A stored item in this resource's version; the very same where that is what is stored.
    ///
    /// # Errors
    /// 500: the stored object cannot be expressed in this version.
    pub async fn present(&self, item: Item) -> Result<Item, Status> {
        if let Some(custom) = &self.custom {
            return custom.show(item).await;
        }
        if self.def.is_storage_version() {
            return Ok(item);
        }
        let tree = item.tree().map_err(Status::internal)?;
        let mut object = Object::clone(tree);
        self.def.strategy.to_served(&mut object)?;
        object.set("apiVersion", self.api_version.as_str());
        object.set("kind", &*self.def.kind);
        Ok(Item::new(Value::from_object(object), item.revision()))
    }

    /// An object of this resource's version as the value to be stored, with the `managedFields`
    /// that it lacks, where it lacks any, as JSON.
    ///
    /// # Errors
    /// 400: the object cannot be expressed in the stored version.
    pub async fn to_stored(
        &self,
        mut object: Object,
        managed: Option<&str>,
    ) -> Result<Value, Status> {
        if let Some(custom) = &self.custom {
            custom.keep(&mut object).await?;
        } else if !self.def.is_storage_version() {
            self.def.strategy.to_storage(&mut object)?;
            let storage = &self.def.storage;
            object.set("apiVersion", api_version(&storage.group, &storage.version));
        }
        if let Some(managed) = managed {
            return Ok(Value::created(object, managed));
        }
        let value = Value::from_object(object);
        // Every value ends as bytes: encoded here, outside of the store's lock, and counted as
        // what it is.
        value.bytes();
        Ok(value)
    }
}
