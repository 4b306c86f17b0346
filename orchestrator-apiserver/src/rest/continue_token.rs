//! Continue tokens: where the next page of a list begins, and at which revision.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use orchestrator_core::{Revision, Status};
use serde::{Deserialize, Serialize};

/// The form of the tokens, which other servers of the API understand too.
const FORM: &str = "meta.k8s.io/v1";

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The revision of the first page; `None` where the client gave up on one state for all
    /// pages.
    pub(crate) revision: Option<Revision>,
    /// The first key, below the prefix of the collection.
    pub(crate) start: String,
}

#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(default)]
    v: String,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: String,
}

impl Place {
    /// The token for this place.
    pub(crate) fn encode(&self) -> String {
        let rv = self.revision.map_or(-1, |revision| revision.get().cast_signed());
        let token = Token { v: FORM.into(), rv, start: self.start.clone() };
        let json = serde_json::to_vec(&token).expect("texts and numbers encode");
        URL_SAFE_NO_PAD.encode(json)
    }

    /// The place that a client's token names.
    ///
    /// # Errors
    /// 400: it is none of ours.
    pub(crate) fn decode(token: &str) -> Result<Self, Status> {
        let bad = |why: String| {
            Status::bad_request(format!("invalid continue token: continue key is not valid: {why}"))
        };
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).map_err(|error| {
            use base64::DecodeError::{InvalidByte, InvalidLastSymbol};
            let at = match error {
                InvalidByte(at, _) | InvalidLastSymbol { offset: at, .. } => at,
                _ => token.len(),
            };
            bad(format!("illegal base64 data at input byte {at}"))
        })?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        if token.v != FORM {
            return Err(bad(format!(
                "server does not recognize this encoded version {:?}",
                token.v
            )));
        }
        if token.rv == 0 {
            return Err(bad(format!("incorrect encoded start resourceVersion (version {FORM})")));
        }
        if token.start.is_empty() {
            return Err(bad(format!("encoded start key empty (version {FORM})")));
        }
        if token.start.split('/').any(|part| matches!(part, "." | ".." | "")) {
            return Err(bad(token.start));
        }
        let revision = u64::try_from(token.rv).ok().map(Revision::new);
        Ok(Self { revision, start: token.start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_revision_and_key_in_the_form_that_others_use() {
        let place = Place { revision: Some(Revision::new(2)), start: "a\0".into() };
        let token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Miwic3RhcnQiOiJhXHUwMDAwIn0";
        assert_eq!(place.encode(), token);
        assert_eq!(Place::decode(token).unwrap(), place);
        let loose = Place { revision: None, start: "ns/a\0".into() };
        assert_eq!(Place::decode(&loose.encode()).unwrap(), loose);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        let made = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let cases = [
            ("%%".to_owned(), "illegal base64 data at input byte 0"),
            (made("x"), "expected value"),
            (made(r#"{"v":"v0","rv":1,"start":"a"}"#), "encoded version \"v0\""),
            (made(r#"{"v":"meta.k8s.io/v1","start":"a"}"#), "incorrect encoded start"),
            (made(r#"{"v":"meta.k8s.io/v1","rv":1}"#), "start key empty"),
            (made(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../x"}"#), "../x"),
        ];
        for (token, wanted) in cases {
            let status = Place::decode(&token).unwrap_err();
            assert_eq!(status.code, 400);
            assert!(status.message.contains(wanted), "{}", status.message);
        }
    }
}
