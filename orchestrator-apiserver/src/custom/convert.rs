//! Between the form that is stored and the forms that are served.
//!
//! What is read is pruned and filled in under the schema of the version that it was stored in,
//! then converted, then pruned under the schema of the version that is asked for. What is written
//! is converted and pruned under the schema of the version that is stored.

use orchestrator_core::resource::{api_version, split_api_version};
use orchestrator_core::value::Item;
use orchestrator_core::{Object, Status, Value};
use orchestrator_kinds::fields::Fields;

use super::Plane;
use super::kind::{CustomKind, Family};
use super::webhook::Webhook;

/// How objects get from one version to another.
#[derive(Debug)]
pub(crate) enum Conversion {
    /// Only the version is written anew.
    None,
    /// A webhook is asked.
    Webhook(Box<Webhook>),
}

impl Conversion {
    pub(super) fn read(definition: &Object, plane: &Plane) -> Self {
        let conversion = definition.sub("spec").sub("conversion");
        match conversion.text("strategy") {
            "Webhook" => Self::Webhook(Box::new(Webhook::read(conversion.sub("webhook"), plane))),
            _ => Self::None,
        }
    }
}

impl Family {
    /// Brings an object into the version `version`.
    async fn convert(&self, object: &mut Object, version: &str) -> Result<(), Status> {
        let wanted = api_version(&self.group, version);
        if object.api_version() == wanted {
            return Ok(());
        }
        if let Conversion::Webhook(webhook) = &self.conversion {
            *object = webhook.convert(object, &wanted).await?;
        }
        object.set("apiVersion", wanted);
        if let Some(schema) = self.schemas.get(version) {
            schema.prune(object.as_map_mut());
        }
        Ok(())
    }
}

impl CustomKind {
    /// A stored item as this version shows it; the very same where nothing is to be changed.
    pub(crate) async fn show(&self, item: Item) -> Result<Item, Status> {
        let tree = item.tree().map_err(Status::internal)?;
        let stored = split_api_version(tree.api_version()).1;
        let schema = self.family.schemas.get(stored);
        let is_settled = schema.is_none_or(|schema| schema.is_settled(tree.as_map()));
        if is_settled && stored == self.version {
            return Ok(item);
        }
        let mut object = Object::clone(tree);
        if let Some(schema) = schema {
            schema.prune(object.as_map_mut());
            schema.fill(object.as_map_mut());
        }
        self.family.convert(&mut object, &self.version).await?;
        Ok(Item::new(Value::from_object(object), item.revision()))
    }

    /// Whether a field is called the same in all versions.
    pub(crate) fn keeps_fields(&self) -> bool {
        matches!(self.family.conversion, Conversion::None)
    }

    /// An object of this version in the form that is stored.
    pub(crate) async fn keep(&self, object: &mut Object) -> Result<(), Status> {
        self.family.convert(object, &self.family.storage).await
    }
}
