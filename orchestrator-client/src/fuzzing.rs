//! Fuzz targets: each takes any bytes and must come back without a panic.

use orchestrator_core::fuzzing::Target;

use crate::Manifest;

/// All targets, each with inputs to start from.
pub const TARGETS: &[Target] = &[Target::new("manifest", fuzz_manifest, &[
    b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: i\n---\nkind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n",
])];

/// Reads bytes as a manifest.
pub fn fuzz_manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse("fuzz.yaml", &String::from_utf8_lossy(bytes)) {
        for document in manifest.documents() {
            let _ = (document.title(), document.place("spec.containers[0].image"));
        }
    }
}
