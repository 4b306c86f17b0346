//! Client certificates: the common name is the user, the organisations are the groups.

use async_trait::async_trait;
use orchestrator_core::UserInfo;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Authentication, Authenticator, Credentials};

/// Knows those whose client certificate TLS has verified.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientCertificates;

#[async_trait]
impl Authenticator for ClientCertificates {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        match credentials.certificate {
            Some(user) => Authentication::Known(user.clone()),
            None => Authentication::Abstain,
        }
    }
}

/// The user that a certificate in DER names; `None` where it has no common name.
pub fn user_of_certificate(der: &[u8]) -> Option<UserInfo> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
    (!name.is_empty()).then(|| UserInfo::new(name, groups))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_certificate_name_nobody() {
        assert_eq!(user_of_certificate(b""), None);
        assert_eq!(user_of_certificate(b"\x30\x82\xff\xff"), None);
    }
}
