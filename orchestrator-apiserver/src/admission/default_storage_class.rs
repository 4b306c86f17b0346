//! `DefaultStorageClass`: a claim that names no class gets the one that is marked as default.

use async_trait::async_trait;
use orchestrator_core::object::Object;
use orchestrator_core::value::Item;
use orchestrator_core::{GroupVersionResource, Status};

use super::{Admission, AdmissionRequest, Operation};

/// The annotations that mark a class as default.
const MARKS: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// The annotation that names the class in the form of old clients.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultStorageClass;

#[async_trait]
impl Admission for DefaultStorageClass {
    fn name(&self) -> &'static str {
        "DefaultStorageClass"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create && request.is_for("", "persistentvolumeclaims")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let claim = &request.object;
        if claim.at(&["spec", "storageClassName"]).is_some() || claim.annotation(CLASS).is_some() {
            return Ok(());
        }
        let gvr = GroupVersionResource::new("storage.k8s.io", "v1", "storageclasses");
        let classes = request.objects.list(&gvr, "").await?;
        if let Some(name) = newest_marked(&classes, &MARKS)? {
            request.object.map_mut("spec").insert("storageClassName".into(), name.into());
        }
        Ok(())
    }
}

/// The name of the object that one of `marks` marks as default; the newest where there are several.
pub(super) fn newest_marked(items: &[Item], marks: &[&str]) -> Result<Option<String>, Status> {
    let mut best: Option<&Object> = None;
    for item in items {
        let tree: &Object = item.tree().map_err(Status::internal)?;
        if !marks.iter().any(|mark| tree.annotation(mark) == Some("true")) {
            continue;
        }
        // Items come in the order of their names: of two of one age, the first one wins.
        if best.is_none_or(|best| tree.creation_timestamp() > best.creation_timestamp()) {
            best = Some(tree);
        }
    }
    Ok(best.map(|tree| tree.name().to_owned()))
}

#[cfg(test)]
mod tests {
    use orchestrator_core::{Json, Revision, Value};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_of_the_marked_ones_is_the_default() {
        let item = |name: &str, made: &str, mark: Json| {
            let tree: Object = serde_json::from_value(json!({"metadata": {"name": name,
                "creationTimestamp": made, "annotations": {"m": mark}}}))
            .unwrap();
            Item::new(Value::from_object(tree), Revision::new(1))
        };
        let items = [
            item("a", "2026-01-01T00:00:00Z", json!("true")),
            item("b", "2026-01-02T00:00:00Z", json!("true")),
            item("c", "2026-01-02T00:00:00Z", json!("true")),
            item("d", "2026-01-03T00:00:00Z", json!("false")),
        ];
        assert_eq!(newest_marked(&items, &["m"]).unwrap().as_deref(), Some("b"));
        assert_eq!(newest_marked(&items, &["x"]).unwrap(), None);
    }
}
