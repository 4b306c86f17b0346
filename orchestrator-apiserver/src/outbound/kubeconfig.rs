//! Whom to call, as a kubeconfig file names it: the form in which webhooks are configured.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, header};
use orchestrator_core::{Env, Json};

use super::{Caller, Trust};

/// A remote server, and how to prove to it who calls.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) caller: Caller,
}

impl Remote {
    /// Reads the current context of a kubeconfig; files that it names are relative to `folder`.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn read(text: &str, folder: &Path, env: Env) -> Result<Self, String> {
        let config: Json = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let current = config["current-context"].as_str().unwrap_or_default();
        let context = named(&config, "contexts", current, "context")?;
        let name = |field: &str| context[field].as_str().unwrap_or_default();
        let cluster = named(&config, "clusters", name("cluster"), "cluster")?;
        let nobody = Json::Null;
        let user = named(&config, "users", name("user"), "user").unwrap_or(&nobody);
        let pem = |of: &Json, field: &str| pem(of, field, folder);
        let mut trust = match pem(cluster, "certificate-authority")? {
            Some(authorities) => Trust::authorities(authorities),
            None => Trust::system(),
        };
        if let (Some(certificate), Some(key)) =
            (pem(user, "client-certificate")?, pem(user, "client-key")?)
        {
            trust = trust.with_identity(certificate, key);
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = user["token"].as_str() {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            headers.insert(header::AUTHORIZATION, value.map_err(|error| error.to_string())?);
        }
        let url = cluster["server"].as_str().ok_or("the cluster has no server")?.to_owned();
        let caller = Caller::new(&trust, env).map_err(|error| error.to_string())?;
        Ok(Self { url, headers, caller })
    }
}

/// The entry of this name in a list of the config.
fn named<'c>(config: &'c Json, list: &str, name: &str, part: &str) -> Result<&'c Json, String> {
    let entries = config[list].as_array().into_iter().flatten();
    let mut entries = entries.filter(|entry| entry["name"].as_str() == Some(name));
    entries.next().map(|entry| &entry[part]).ok_or_else(|| format!("no {part} {name:?}"))
}

/// A field in PEM, given as it is in Base64 or as the name of a file.
fn pem(of: &Json, field: &str, folder: &Path) -> Result<Option<String>, String> {
    if let Some(data) = of[format!("{field}-data").as_str()].as_str() {
        let bytes = BASE64_STANDARD.decode(data).map_err(|error| error.to_string())?;
        return String::from_utf8(bytes).map(Some).map_err(|error| error.to_string());
    }
    let Some(file) = of[field].as_str() else { return Ok(None) };
    let path = folder.join(file);
    let read = std::fs::read_to_string(&path);
    read.map(Some).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
current-context: c
contexts: [{name: c, context: {cluster: a, user: u}}]
clusters: [{name: a, cluster: {server: 'https://hook.example/x'}}]
users: [{name: u, user: {token: t}}]
";

    #[test]
    fn a_kubeconfig_names_a_server_and_a_token() {
        let remote = Remote::read(CONFIG, Path::new("/"), Env::simulated(1)).unwrap();
        assert_eq!(remote.url, "https://hook.example/x");
        assert_eq!(remote.headers[header::AUTHORIZATION], "Bearer t");
        let other = CONFIG.replace("cluster: a", "cluster: b");
        let error = Remote::read(&other, Path::new("/"), Env::simulated(1)).unwrap_err();
        assert_eq!(error, "no cluster \"b\"");
    }
}
