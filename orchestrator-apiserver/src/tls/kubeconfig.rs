//! The kubeconfig of a user, with certificates and key inside.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::Signed;

/// The kubeconfig of the holder of `user` for the server at `url` with the given authority.
pub fn kubeconfig(url: &str, ca_certificate: &str, user: &Signed) -> String {
    let data = |pem: &str| BASE64_STANDARD.encode(pem);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "orchestrator", "cluster": {
            "server": url,
            "certificate-authority-data": data(ca_certificate),
        }}],
        "users": [{"name": "admin", "user": {
            "client-certificate-data": data(&user.certificate),
            "client-key-data": data(&user.key),
        }}],
        "contexts": [{"name": "orchestrator", "context": {
            "cluster": "orchestrator", "user": "admin",
        }}],
        "current-context": "orchestrator",
        "preferences": {},
    });
    crate::encode::yaml(&config)
}
