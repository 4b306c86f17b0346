//! JSON trees as YAML.

use orchestrator_core::Json;

/// Encodes a tree as one YAML document.
pub(crate) fn encode(json: &Json) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(json, options).expect("a JSON tree always encodes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn documents_look_as_kubectl_shows_them() {
        let json = json!({"kind": "A", "list": [{"a": 1, "b": "true"}], "empty": {}, "none": []});
        let text = encode(&json);
        assert!(text.contains("\nkind: A\n"), "{text}");
        assert_eq!(serde_saphyr::from_str::<Json>(&text).unwrap(), json);
    }

    proptest! {
        #[test]
        fn texts_survive(text in "\\PC{0,40}|[0-9xeE.:+-]{0,10}|(on|off|yes|null|~|true)") {
            let json = json!({"a": text, "b": [text]});
            prop_assert_eq!(serde_saphyr::from_str::<Json>(&encode(&json)).unwrap(), json);
        }
    }
}
