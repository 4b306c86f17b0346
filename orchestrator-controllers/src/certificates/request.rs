//! A certificate request as its maker signed it: whom it names and whose key it is for.

use std::net::IpAddr;

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

/// What a certificate request says, with its signature checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The subject's common name; the last one where there are several.
    pub common_name: String,
    pub organizations: Vec<String>,
    pub dns: Vec<String>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
    pub addresses: Vec<IpAddr>,
    /// The whole subject in DER.
    pub subject: Vec<u8>,
    /// The public key with its algorithm, in DER.
    pub public_key: Vec<u8>,
}

/// Why a request cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("PEM block type must be CERTIFICATE REQUEST")]
    NotPem,
    #[error("malformed certificate request: {0}")]
    Malformed(String),
    #[error("unable to verify certificate request signature")]
    Signature,
}

impl Wanted {
    /// Reads a request in PEM form.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, RequestError> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| RequestError::NotPem)?;
        let Pem { label, contents } = pem;
        if label != "CERTIFICATE REQUEST" {
            return Err(RequestError::NotPem);
        }
        let malformed = |error: &dyn std::fmt::Display| RequestError::Malformed(error.to_string());
        let (_, request) =
            X509CertificationRequest::from_der(&contents).map_err(|error| malformed(&error))?;
        request.verify_signature().map_err(|_| RequestError::Signature)?;
        let info = &request.certification_request_info;
        let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            value.as_str().map(str::to_owned).map_err(|error| malformed(&error))
        };
        let mut wanted = Self {
            subject: info.subject.as_raw().to_vec(),
            public_key: info.subject_pki.raw.to_vec(),
            ..Self::default()
        };
        for name in info.subject.iter_common_name() {
            wanted.common_name = text(name)?;
        }
        wanted.organizations =
            info.subject.iter_organization().map(text).collect::<Result<_, _>>()?;
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                for name in &names.general_names {
                    wanted.add_name(name)?;
                }
            }
        }
        Ok(wanted)
    }

    /// Other forms of names are left out, as they have no place in what is signed.
    fn add_name(&mut self, name: &GeneralName<'_>) -> Result<(), RequestError> {
        match name {
            GeneralName::DNSName(name) => self.dns.push((*name).to_owned()),
            GeneralName::RFC822Name(name) => self.emails.push((*name).to_owned()),
            GeneralName::URI(name) => self.uris.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => self.addresses.push(address(bytes)?),
            _ => {}
        }
        Ok(())
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, RequestError> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(four.into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes);
    sixteen.map(IpAddr::from).map_err(|_| {
        RequestError::Malformed(format!("cannot parse IP address of length {}", bytes.len()))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    /// A request in PEM form: a common name, an organization, and names beside them.
    pub(in super::super) fn pem(name: &str, organization: &str, names: &[SanType]) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = names.to_vec();
        let key = KeyPair::generate().unwrap();
        params.serialize_request(&key).unwrap().pem().unwrap()
    }

    #[test]
    fn subject_and_names_are_read() {
        let names = [
            SanType::DnsName("a.example".try_into().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
            SanType::IpAddress("fd00::1".parse().unwrap()),
            SanType::URI("spiffe://x/y".try_into().unwrap()),
            SanType::Rfc822Name("a@b.example".try_into().unwrap()),
        ];
        let wanted = Wanted::parse(pem("jane", "dev", &names).as_bytes()).unwrap();
        assert_eq!(
            (wanted.common_name.as_str(), wanted.organizations),
            ("jane", vec!["dev".into()])
        );
        assert_eq!(wanted.dns, ["a.example"]);
        assert_eq!((wanted.uris.len(), wanted.emails.len(), wanted.addresses.len()), (1, 1, 2));
    }

    #[test]
    fn what_is_no_request_is_told() {
        assert_eq!(Wanted::parse(b"nonsense"), Err(RequestError::NotPem));
        let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(Wanted::parse(wrong.as_bytes()), Err(RequestError::NotPem));
        let broken =
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
        assert!(matches!(Wanted::parse(broken.as_bytes()), Err(RequestError::Malformed(_))));
    }
}
