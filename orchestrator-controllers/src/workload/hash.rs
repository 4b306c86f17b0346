//! Hashes that tell the versions of a template apart: short, and fit for names and labels.

use serde::Serialize;

/// The letters of a hash: those of generated names, so that no words appear.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The hash of a template: the same for equal templates, whatever made them. `collisions` is
/// raised when two templates turn out to have one hash.
pub(crate) fn template_hash(template: &impl Serialize, collisions: Option<i32>) -> String {
    let tree = serde_json::to_value(template).expect("Kubernetes types are plain JSON");
    let mut hash = Fnv::default();
    hash.add(tree.to_string().as_bytes());
    if let Some(collisions) = collisions {
        hash.add(&collisions.to_le_bytes());
    }
    safe(&hash.0.to_string())
}

/// A text with each byte replaced by a harmless letter.
fn safe(text: &str) -> String {
    text.bytes().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect()
}

/// FNV-1a with 32 bits: stable over runs, machines and versions of Rust.
struct Fnv(u32);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_templates_have_one_hash_and_collisions_change_it() {
        let hash = |value, collisions| template_hash(&value, collisions);
        assert_eq!(hash(json!({"a": 1, "b": 2}), None), hash(json!({"b": 2, "a": 1}), None));
        assert_ne!(hash(json!({"a": 1}), None), hash(json!({"a": 2}), None));
        assert_ne!(hash(json!({"a": 1}), None), hash(json!({"a": 1}), Some(1)));
        assert!(hash(json!({}), None).bytes().all(|byte| LETTERS.contains(&byte)));
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut fnv = Fnv::default();
        fnv.add(b"foobar");
        assert_eq!(fnv.0, 0xbf9c_f968);
    }
}
