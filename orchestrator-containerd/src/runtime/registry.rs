//! Credentials: which of a pod's pull secrets are for the registry of an image.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::image::ImageName;
use crate::wire::cri;

/// The name under which the registry of images without a host keeps its credentials.
const DOCKER_HUB: &str = "index.docker.io";

/// The credentials for the registry of `image`, the most specific first; `secrets` are contents of
/// `dockerconfigjson` secrets.
pub(super) fn credentials(image: &str, secrets: &[String]) -> Vec<cri::AuthConfig> {
    let Ok(name) = ImageName::parse(image) else { return Vec::new() };
    let wanted = match name.host() {
        "docker.io" => format!("{DOCKER_HUB}/{}", name.path()),
        host => format!("{host}/{}", name.path()),
    };
    let mut found: Vec<(usize, cri::AuthConfig)> = Vec::new();
    for secret in secrets {
        let Ok(config) = serde_json::from_str::<Value>(secret) else { continue };
        let Some(auths) = config.get("auths").and_then(Value::as_object) else { continue };
        for (place, entry) in auths {
            let place = normal(place);
            if is_below(&wanted, &place)
                && let Some(auth) = auth_of(entry)
            {
                found.push((place.len(), auth));
            }
        }
    }
    found.sort_by_key(|(specific, _)| std::cmp::Reverse(*specific));
    found.into_iter().map(|(_, auth)| auth).collect()
}

/// The place without its scheme and without the paths of old APIs.
fn normal(place: &str) -> String {
    let place = place.trim_start_matches("https://").trim_start_matches("http://");
    let place = place.trim_end_matches('/');
    let place = place.strip_suffix("/v1").or(place.strip_suffix("/v2")).unwrap_or(place);
    match place {
        "docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        other => other.to_owned(),
    }
}

/// Whether `wanted` is the registry `place`, or a repository below that path. A star in a host
/// stands for one part of it.
fn is_below(wanted: &str, place: &str) -> bool {
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let (wanted_host, wanted_path) = wanted.split_once('/').unwrap_or((wanted, ""));
    let parts = |host: &str| host.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (host, wanted_host) = (parts(host), parts(wanted_host));
    let same_host = host.len() == wanted_host.len()
        && host.iter().zip(&wanted_host).all(|(part, wanted)| part == "*" || part == wanted);
    let same_path = path.is_empty()
        || wanted_path == path
        || wanted_path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    same_host && same_path
}

fn auth_of(entry: &Value) -> Option<cri::AuthConfig> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut auth = cri::AuthConfig {
        username: text("username"),
        password: text("password"),
        identity_token: text("identitytoken"),
        registry_token: text("registrytoken"),
        ..cri::AuthConfig::default()
    };
    if auth.username.is_empty() {
        let plain = BASE64_STANDARD.decode(text("auth")).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        if let Some((user, password)) = plain.split_once(':') {
            (auth.username, auth.password) = (user.into(), password.trim_matches('\0').into());
        }
    }
    let empty = auth.username.is_empty()
        && auth.identity_token.is_empty()
        && auth.registry_token.is_empty();
    (!empty).then_some(auth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(place: &str, user: &str) -> String {
        let auth = BASE64_STANDARD.encode(format!("{user}:word"));
        format!(r#"{{"auths":{{"{place}":{{"auth":"{auth}"}}}}}}"#)
    }

    fn check(image: &str, places: &[&str], users: &[&str]) {
        let secrets: Vec<String> =
            places.iter().map(|place| secret(place, &place.replace(':', "-"))).collect();
        let found = credentials(image, &secrets);
        let found: Vec<&str> = found.iter().map(|auth| auth.username.as_str()).collect();
        let users: Vec<String> = users.iter().map(|user| user.replace(':', "-")).collect();
        assert_eq!(found, users, "{image} in {places:?}");
    }

    #[test]
    fn a_secret_is_for_its_registry_and_its_path() {
        check("localhost:5000/a/b", &["localhost:5000", "other"], &["localhost:5000"]);
        check(
            "localhost:5000/a/b",
            &["localhost:5000", "localhost:5000/a"],
            &["localhost:5000/a", "localhost:5000"],
        );
        check("localhost:5000/ab/c", &["localhost:5000/a"], &[]);
        check("busybox", &["https", "docker.io"], &["docker.io"]);
        check("x.example.com/a", &["*.example.com", "*.com"], &["*.example.com"]);
    }

    #[test]
    fn urls_and_plain_names_mean_the_same() {
        let hub = r#"{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"p"}}}"#;
        let found = credentials("library/busybox:1", &[hub.to_owned()]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].username.as_str(), found[0].password.as_str()), ("u", "p"));
        assert!(credentials("busybox", &["no json".into(), "{}".into()]).is_empty());
    }
}
