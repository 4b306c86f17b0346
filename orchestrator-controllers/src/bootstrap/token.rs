//! A bootstrap token as its Secret tells it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use orchestrator_client::KindExt;

/// Where tokens live.
pub(super) const NAMESPACE: &str = "kube-system";
/// The type of their Secrets.
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
/// How the names of their Secrets begin.
const NAME_PREFIX: &str = "bootstrap-token-";

/// The two halves of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub id: String,
    pub secret: String,
}

/// Whether a Secret is a token.
pub(super) fn is_token(secret: &Secret) -> bool {
    secret.namespace() == NAMESPACE && secret.type_.as_deref() == Some(SECRET_TYPE)
}

fn field<'s>(secret: &'s Secret, name: &str) -> Option<&'s str> {
    let value = std::str::from_utf8(&secret.data.as_ref()?.get(name)?.0).ok()?;
    Some(value).filter(|value| !value.is_empty())
}

/// When a token ends; `None` for never. What is not a time has ended.
pub(super) fn ends(secret: &Secret) -> Option<Timestamp> {
    field(secret, "expiration").map(|text| text.parse().unwrap_or(Timestamp::MIN))
}

/// The token of a Secret, where it may sign now.
pub(super) fn signing(secret: &Secret, now: Timestamp) -> Option<Token> {
    let id = field(secret, "token-id")?;
    let named = secret.name().strip_prefix(NAME_PREFIX) == Some(id);
    let may = field(secret, "usage-bootstrap-signing") == Some("true");
    let ended = ends(secret).is_some_and(|end| end <= now);
    (is_token(secret) && named && may && !ended)
        .then_some(Token { id: id.into(), secret: field(secret, "token-secret")?.into() })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use serde_json::json;

    pub(in super::super) fn secret(name: &str, fields: &[(&str, &str)]) -> Secret {
        let mut secret: Secret = serde_json::from_value(json!({
            "metadata": {"namespace": NAMESPACE, "name": name}, "type": SECRET_TYPE}))
        .unwrap();
        let bytes = |(k, v): &(&str, &str)| ((*k).to_owned(), ByteString(v.as_bytes().to_vec()));
        secret.data = Some(fields.iter().map(bytes).collect());
        secret
    }

    #[test]
    fn a_token_signs_if_it_may_is_named_after_its_id_and_has_not_ended() {
        let whole =
            [("token-id", "abcdef"), ("token-secret", "s"), ("usage-bootstrap-signing", "true")];
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let signs = |name: &str, more: &[(&str, &str)]| {
            let fields: Vec<_> = whole.iter().chain(more).copied().collect();
            signing(&secret(name, &fields), now).map(|token| token.id)
        };
        let name = "bootstrap-token-abcdef";
        assert_eq!(signs(name, &[]).as_deref(), Some("abcdef"));
        assert_eq!(signs("bootstrap-token-other", &[]), None);
        assert_eq!(signs(name, &[("usage-bootstrap-signing", "false")]), None);
        assert_eq!(signs(name, &[("token-secret", "")]), None);
        assert_eq!(signs(name, &[("expiration", "2026-01-01T00:00:00Z")]), None);
        assert_eq!(signs(name, &[("expiration", "soon")]), None);
        assert!(signs(name, &[("expiration", "2026-01-01T00:00:01Z")]).is_some());
    }
}
