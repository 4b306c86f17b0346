//! Secret: bytes under keys that few may read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};

use super::configmap::{DATA_MAX, check_frozen, decoded_len};
use crate::fields::{Fields, Fill};
use crate::format::names::config_key;
use crate::meta::METADATA;
use crate::report::Report;
use crate::rules::Rules;

const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const DATA: Path<'static> = Path::new("data");

/// The rules of a Secret.
#[derive(Debug)]
pub struct Secret;

impl Rules for Secret {
    fn defaults(&self, object: &mut Object) {
        let map = object.as_map_mut();
        map.fill_text("type", "Opaque");
        // Texts are a way of writing bytes; they win over bytes of the same key.
        if let Some(texts) = map.remove("stringData").filter(|texts| !texts.is_null()) {
            let data = map.map_made("data");
            for (key, text) in texts.as_object().into_iter().flatten() {
                let bytes = STANDARD.encode(text.as_str().unwrap_or_default());
                data.insert(key.clone(), bytes.into());
            }
            map.drop_empty("data");
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let mut size = 0;
        for (key, value) in new.entries("data") {
            errors.faults(&DATA.key(key), key, config_key(key));
            size += decoded_len(value.as_str().unwrap_or_default());
        }
        if size > DATA_MAX {
            errors.too_long(&DATA, DATA_MAX);
        }
        check_type(new, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        if new.text("type") != old.text("type") {
            errors.invalid(&Path::new("type"), new.text("type"), "field is immutable");
        }
        check_frozen(new, old, &["data"], errors);
        self.validate(new, change, errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        if new.text("type") != "kubernetes.io/tls" {
            return Vec::new();
        }
        let has_pem = |key: &str| {
            let text = new.sub("data").sub(key).as_str().unwrap_or_default();
            let bytes = STANDARD.decode(text).unwrap_or_default();
            bytes.windows(11).any(|window| window == b"-----BEGIN ")
        };
        let missing = [("tls.crt", "certificate"), ("tls.key", "key")].into_iter();
        let mut missing = missing
            .filter(|(key, _)| !has_pem(key))
            .map(|(_, what)| format!("tls: failed to find any PEM data in {what} input"));
        missing.next().into_iter().collect()
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// Checks that a secret of a known type holds what the type says.
fn check_type(secret: &Object, errors: &mut FieldErrors) {
    let needs = |keys: &[&str], errors: &mut FieldErrors| {
        for key in keys.iter().filter(|key| !secret.sub("data").has(key)) {
            errors.required(&DATA.key(key), "");
        }
    };
    match secret.text("type") {
        "kubernetes.io/service-account-token"
            if secret.annotation(ACCOUNT_NAME).is_none_or(str::is_empty) =>
        {
            let annotations = METADATA.child("annotations");
            errors.required(&annotations.key(ACCOUNT_NAME), "");
        }
        "kubernetes.io/dockercfg" => check_json(secret, ".dockercfg", errors),
        "kubernetes.io/dockerconfigjson" => check_json(secret, ".dockerconfigjson", errors),
        "kubernetes.io/basic-auth" => {
            let has = |key: &str| secret.sub("data").has(key);
            if !has("username") && !has("password") {
                needs(&["username", "password"], errors);
            }
        }
        "kubernetes.io/ssh-auth" => needs(&["ssh-privatekey"], errors),
        "kubernetes.io/tls" => needs(&["tls.crt", "tls.key"], errors),
        _ => {}
    }
}

/// Checks that the value of `key` is there and is JSON.
fn check_json(secret: &Object, key: &str, errors: &mut FieldErrors) {
    let path = DATA.key(key);
    let Some(text) = secret.sub("data").sub(key).as_str() else {
        errors.required(&path, "");
        return;
    };
    let bytes = STANDARD.decode(text).unwrap_or_default();
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        errors.invalid(&path, "<secret contents redacted>", fault(&bytes, &error));
    }
}

/// What is wrong with the JSON, in the words that clients know.
fn fault(bytes: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".into();
    }
    let lines = bytes.split(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(|line| line.len() + 1).sum();
    let at = before + error.column().saturating_sub(1);
    let place = match half_literal(&bytes[..at.min(bytes.len())]) {
        Some((literal, next)) => format!("in literal {literal} (expecting '{next}')"),
        None => "looking for beginning of value".into(),
    };
    let shown = match bytes.get(at).copied().unwrap_or_default() {
        byte @ (b'\'' | b'\\') => format!("'\\{}'", byte as char),
        byte @ b' '..=b'~' => format!("'{}'", byte as char),
        byte => format!("'\\x{byte:02x}'"),
    };
    format!("invalid character {shown} {place}")
}

/// The literal that the bytes end in the middle of, and its next letter.
fn half_literal(bytes: &[u8]) -> Option<(&'static str, char)> {
    ["null", "true", "false"].into_iter().find_map(|literal| {
        let begun =
            (1..literal.len()).rev().find(|n| bytes.ends_with(&literal.as_bytes()[..*n]))?;
        Some((literal, literal[begun..].chars().next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_become_bytes() {
        let mut secret: Object =
            serde_json::from_value(json!({"stringData": {"a": "b"}, "data": {"a": "AAE="}}))
                .unwrap();
        Secret.defaults(&mut secret);
        assert_eq!(secret.into_json(), json!({"type": "Opaque", "data": {"a": "Yg=="}}));
    }

    #[test]
    fn what_is_no_json_is_named_by_its_first_wrong_letter() {
        let secret = json!({"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "AAE="}});
        let mut errors = FieldErrors::new();
        check_type(&serde_json::from_value(secret).unwrap(), &mut errors);
        assert!(
            errors[0].message.ends_with("invalid character '\\x00' looking for beginning of value")
        );
    }
}
