//! Users whom a proxy in front of the server has authenticated, and names in headers.
//!
//! The proxy proves by a certificate of its own authority that it is the proxy: headers of anybody
//! else say nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::HeaderMap;
use orchestrator_core::{Env, UserInfo};
use orchestrator_wire::percent;

use super::certificate::Authority;
use super::{Authentication, Authenticator, Credentials};
use crate::tls::TlsError;

/// Which headers tell what, and who may send them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestHeaderConfig {
    /// The authorities of proxies' certificates, in PEM.
    pub authorities: String,
    /// The names that a proxy's certificate may have; none for any.
    pub allowed_names: Vec<String>,
    /// The headers that may hold the user's name; the first that is there counts.
    pub username_headers: Vec<String>,
    /// The headers that may hold its uid.
    pub uid_headers: Vec<String>,
    /// The headers that hold groups.
    pub group_headers: Vec<String>,
    /// How headers begin that hold what else is known.
    pub extra_prefixes: Vec<String>,
}

impl RequestHeaderConfig {
    /// The usual headers, from anybody with a certificate of `authorities`.
    pub fn new(authorities: impl Into<String>) -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            authorities: authorities.into(),
            allowed_names: Vec::new(),
            username_headers: one("X-Remote-User"),
            uid_headers: one("X-Remote-Uid"),
            group_headers: one("X-Remote-Group"),
            extra_prefixes: one("X-Remote-Extra-"),
        }
    }
}

/// Knows the users whom a proxy names.
#[derive(Debug)]
pub struct RequestHeader {
    config: RequestHeaderConfig,
    authority: Authority,
}

impl RequestHeader {
    /// Believes the proxies that the configuration describes.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub fn new(config: RequestHeaderConfig, env: Env) -> Result<Self, TlsError> {
        let authority = Authority::new(&config.authorities, env)?;
        Ok(Self { config, authority })
    }
}

impl RequestHeaderConfig {
    /// The user whom the headers name.
    fn user(&self, headers: &HeaderMap) -> Option<UserInfo> {
        let first = |names: &[String]| {
            let mut values = names.iter().filter_map(|name| headers.get(name)?.to_str().ok());
            values.find(|value| !value.is_empty()).map(str::to_owned)
        };
        let name = first(&self.username_headers)?;
        let groups = self.group_headers.iter().flat_map(|name| headers.get_all(name));
        let groups = groups.filter_map(|group| group.to_str().ok());
        let mut user = UserInfo::new(name, groups.filter(|group| !group.is_empty()));
        user.uid = first(&self.uid_headers).unwrap_or_default();
        user.extra = self.extra(headers);
        Some(user)
    }

    fn extra(&self, headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
        let mut extra = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in headers {
            let mut prefixes = self.extra_prefixes.iter();
            // Names of headers are in lower case here.
            let key = prefixes
                .find_map(|prefix| name.as_str().strip_prefix(&*prefix.to_ascii_lowercase()));
            if let (Some(key), Ok(value)) = (key, value.to_str()) {
                let key = percent::decode(key, percent::Plus::Keep).unwrap_or(key.into());
                extra.entry(key.to_lowercase()).or_default().push(value.into());
            }
        }
        extra
    }
}

#[async_trait]
impl Authenticator for RequestHeader {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let Credentials { certificate: Some(proxy), chain: Some(chain), headers, .. } = credentials
        else {
            return Authentication::Abstain;
        };
        let allowed = &self.config.allowed_names;
        if !self.authority.signed(chain) {
            return Authentication::Abstain;
        }
        if !allowed.is_empty() && !allowed.contains(&proxy.name) {
            return Authentication::Refused;
        }
        match headers.and_then(|headers| self.config.user(headers)) {
            Some(user) => Authentication::Known(user),
            None => Authentication::Abstain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::CertificatesOf;
    use crate::tls::Pki;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    fn certificate(pki: &Pki, name: &str) -> (UserInfo, [CertificateDer<'static>; 1]) {
        let signed = pki.client(name, "g").unwrap();
        let der = CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap();
        (UserInfo::new(name, ["g"]), [der])
    }

    #[tokio::test]
    async fn only_the_proxy_names_users() {
        let env = Env::system();
        let (front, cluster) = (Pki::in_memory(&env).unwrap(), Pki::in_memory(&env).unwrap());
        let mut config = RequestHeaderConfig::new(front.ca_certificate());
        config.allowed_names = vec!["proxy".into()];
        let header = RequestHeader::new(config, env.clone()).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-remote-user", "jane"),
            ("x-remote-group", "dev"),
            ("x-remote-group", "ops"),
            ("x-remote-extra-example.com%2fscope", "x"),
        ] {
            headers.append(http::HeaderName::from_static(name), value.parse().unwrap());
        }
        let judge = async |pki: &Pki, name: &str, headers: &HeaderMap| {
            let (user, chain) = certificate(pki, name);
            let credentials = Credentials {
                certificate: Some(&user),
                chain: Some(&chain),
                headers: Some(headers),
                ..Credentials::default()
            };
            header.authenticate(credentials).await
        };
        let Authentication::Known(jane) = judge(&front, "proxy", &headers).await else {
            panic!("jane is known")
        };
        assert_eq!(jane.groups, ["dev", "ops", UserInfo::AUTHENTICATED]);
        assert_eq!(jane.extra["example.com/scope"], ["x"]);
        assert_eq!(judge(&front, "other", &headers).await, Authentication::Refused);
        assert_eq!(judge(&cluster, "proxy", &headers).await, Authentication::Abstain);
        assert_eq!(judge(&front, "proxy", &HeaderMap::new()).await, Authentication::Abstain);
        let own = CertificatesOf::new(cluster.ca_certificate(), env).unwrap();
        for (pki, known) in [(&cluster, true), (&front, false)] {
            let (user, chain) = certificate(pki, "jane");
            let credentials = Credentials {
                certificate: Some(&user),
                chain: Some(&chain),
                ..Credentials::default()
            };
            let judged = own.authenticate(credentials).await;
            assert_eq!(matches!(judged, Authentication::Known(_)), known);
        }
    }
}
