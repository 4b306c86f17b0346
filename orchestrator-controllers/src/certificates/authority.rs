//! The authority: signs what was asked for, for as long as it may.
//!
//! Subject and key are copied from the request byte by byte: they are the requester's to say, and
//! a subject may name a group more than once.

use std::fmt;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use orchestrator_core::Env;
use rcgen::{KeyPair, SigningKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use super::der;
use super::request::Wanted;

/// How long a certificate is valid where nobody asks for less.
const LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// The shortest life that can be asked for.
const LIFE_MIN: SignedDuration = SignedDuration::from_mins(10);
/// Certificates begin in the past, for those whose clocks run behind.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);
/// What lives shorter than this loses nothing at its end for beginning in the past.
const SHORT: SignedDuration = SignedDuration::from_hours(8);

const EXT_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXT_ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const EXT_BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const EXT_AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];
const EXT_EXTENDED_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// A certificate authority that controllers sign with.
pub struct Authority {
    key: KeyPair,
    /// The algorithm of signatures, in DER.
    algorithm: Vec<u8>,
    subject: Vec<u8>,
    key_id: Option<Vec<u8>>,
    ends: Timestamp,
}

/// Why an authority cannot be used, or a certificate cannot be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The certificate of the authority cannot be read.
    #[error("the authority's certificate cannot be read")]
    Certificate,
    /// The key of the authority cannot be read, or is of a kind that nothing is signed with here.
    #[error("the authority's key cannot be used")]
    Key,
    /// The authority itself has ended, or what it would sign.
    #[error("refusing to sign a certificate that expired in the past")]
    Expired,
    /// A usage that has no meaning.
    #[error("unrecognized usage values: {0:?}")]
    Usage(String),
    /// Signing failed.
    #[error("unable to sign certificate: {0}")]
    Signing(String),
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Authority {
    /// The authority of a certificate and its key, both in PEM form.
    ///
    /// # Errors
    /// One of them cannot be read, or the key is none of ECDSA (P-256, P-384), Ed25519, RSA.
    pub fn new(certificate: &str, key: &str) -> Result<Self, AuthorityError> {
        let unreadable = |_| AuthorityError::Certificate;
        let (_, pem) =
            x509_parser::pem::parse_x509_pem(certificate.as_bytes()).map_err(unreadable)?;
        let (_, parsed) =
            X509Certificate::from_der(&pem.contents).map_err(|_| AuthorityError::Certificate)?;
        let key = KeyPair::from_pem(key).map_err(|_| AuthorityError::Key)?;
        let key_id = parsed.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        });
        Ok(Self {
            algorithm: algorithm(&key).ok_or(AuthorityError::Key)?,
            key,
            subject: parsed.subject().as_raw().to_vec(),
            key_id,
            ends: Timestamp::from_second(parsed.validity().not_after.timestamp())
                .map_err(|_| AuthorityError::Certificate)?,
        })
    }

    /// Signs a certificate for `usages`; returns it in PEM form.
    pub(super) fn sign(
        &self,
        wanted: &Wanted,
        usages: &[String],
        life: Option<i32>,
        env: &Env,
    ) -> Result<String, AuthorityError> {
        let now = env.now();
        let (begin, end) = self.validity(now, life)?;
        // Positive, as serial numbers have to be.
        let serial = env.random_below(i64::MAX as u64).saturating_add(1);
        let issued = der::sequence(&[
            der::tagged(0xa0, &der::integer(2)),
            der::integer(serial),
            self.algorithm.clone(),
            self.subject.clone(),
            der::sequence(&[der::time(begin), der::time(end)]),
            wanted.subject.clone(),
            wanted.public_key.clone(),
            der::tagged(0xa3, &der::sequence(&self.extensions(wanted, usages)?)),
        ]);
        let signature =
            self.key.sign(&issued).map_err(|error| AuthorityError::Signing(error.to_string()))?;
        let whole = der::sequence(&[issued, self.algorithm.clone(), der::bits(&signature)]);
        Ok(pem(&whole))
    }

    /// From when to when a certificate is valid that shall live for so many seconds.
    fn validity(
        &self,
        now: Timestamp,
        life: Option<i32>,
    ) -> Result<(Timestamp, Timestamp), AuthorityError> {
        let asked = life.map(|seconds| SignedDuration::from_secs(seconds.into()));
        let life = asked.unwrap_or(LIFE).clamp(LIFE_MIN, LIFE);
        let at = |offset| now.checked_add(offset).map_err(|_| AuthorityError::Expired);
        let end = at(if life < SHORT { life } else { life - BACKDATE })?.min(self.ends);
        match end <= now {
            true => Err(AuthorityError::Expired),
            false => Ok((at(-BACKDATE)?, end)),
        }
    }

    fn extensions(
        &self,
        wanted: &Wanted,
        usages: &[String],
    ) -> Result<Vec<Vec<u8>>, AuthorityError> {
        let (flags, purposes) = key_usages(usages)?;
        let mut all = Vec::new();
        if flags != 0 {
            all.push(extension(EXT_KEY_USAGE, true, &der::flags(flags)));
        }
        if !purposes.is_empty() {
            let purposes: Vec<_> = purposes.iter().map(|purpose| der::oid(purpose)).collect();
            all.push(extension(EXT_EXTENDED_USAGE, false, &der::sequence(&purposes)));
        }
        all.push(extension(EXT_BASIC_CONSTRAINTS, true, &der::sequence(&[])));
        if let Some(id) = &self.key_id {
            let id = der::sequence(&[der::tagged(0x80, id)]);
            all.push(extension(EXT_AUTHORITY_KEY, false, &id));
        }
        let names = alternative_names(wanted);
        if !names.is_empty() {
            // An empty sequence: nobody is named but by these names, so they must be understood.
            let critical = wanted.subject.len() <= 2;
            all.push(extension(EXT_ALTERNATIVE_NAMES, critical, &der::sequence(&names)));
        }
        Ok(all)
    }
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![der::oid(id)];
    if critical {
        parts.push(der::yes());
    }
    parts.push(der::octets(value));
    der::sequence(&parts)
}

fn alternative_names(wanted: &Wanted) -> Vec<Vec<u8>> {
    let texts = |tag: u8, names: &[String]| {
        names.iter().map(|name| der::tagged(tag, name.as_bytes())).collect::<Vec<_>>()
    };
    let addresses = wanted.addresses.iter().map(|address| match address {
        IpAddr::V4(address) => der::tagged(0x87, &address.octets()),
        IpAddr::V6(address) => der::tagged(0x87, &address.octets()),
    });
    let mut names = texts(0x82, &wanted.dns);
    names.extend(texts(0x81, &wanted.emails));
    names.extend(addresses);
    names.extend(texts(0x86, &wanted.uris));
    names
}

/// Usages as the two extensions tell them: flags of the key, and purposes by their identifiers.
fn key_usages(usages: &[String]) -> Result<(u16, Vec<&'static [u8]>), AuthorityError> {
    let (mut flags, mut purposes) = (0, Vec::new());
    for usage in usages {
        if let Some(bit) = flag(usage) {
            flags |= 0x8000 >> bit;
        } else if let Some(purpose) = purpose(usage) {
            purposes.push(purpose);
        } else {
            return Err(AuthorityError::Usage(usage.clone()));
        }
    }
    purposes.sort_by_key(|(order, _)| *order);
    purposes.dedup();
    Ok((flags, purposes.into_iter().map(|(_, id)| id).collect()))
}

fn flag(usage: &str) -> Option<u16> {
    Some(match usage {
        "signing" | "digital signature" => 0,
        "content commitment" => 1,
        "key encipherment" => 2,
        "data encipherment" => 3,
        "key agreement" => 4,
        "cert sign" => 5,
        "crl sign" => 6,
        "encipher only" => 7,
        "decipher only" => 8,
        _ => return None,
    })
}

/// The identifier of a purpose, encoded, and its place among others.
fn purpose(usage: &str) -> Option<(u8, &'static [u8])> {
    Some(match usage {
        "any" => (0, &[0x55, 0x1d, 0x25, 0]),
        "server auth" => (1, &[0x2b, 6, 1, 5, 5, 7, 3, 1]),
        "client auth" => (2, &[0x2b, 6, 1, 5, 5, 7, 3, 2]),
        "code signing" => (3, &[0x2b, 6, 1, 5, 5, 7, 3, 3]),
        "email protection" | "s/mime" => (4, &[0x2b, 6, 1, 5, 5, 7, 3, 4]),
        "ipsec end system" => (5, &[0x2b, 6, 1, 5, 5, 7, 3, 5]),
        "ipsec tunnel" => (6, &[0x2b, 6, 1, 5, 5, 7, 3, 6]),
        "ipsec user" => (7, &[0x2b, 6, 1, 5, 5, 7, 3, 7]),
        "timestamping" => (8, &[0x2b, 6, 1, 5, 5, 7, 3, 8]),
        "ocsp signing" => (9, &[0x2b, 6, 1, 5, 5, 7, 3, 9]),
        "microsoft sgc" => (10, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 3, 3]),
        "netscape sgc" => (11, &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 4, 1]),
        _ => return None,
    })
}

/// What signatures of a key are called, in DER.
fn algorithm(key: &KeyPair) -> Option<Vec<u8>> {
    let used = key.algorithm();
    let named = |id: &[u8]| Some(der::sequence(&[der::oid(id)]));
    if used == &rcgen::PKCS_ECDSA_P256_SHA256 {
        named(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])
    } else if used == &rcgen::PKCS_ECDSA_P384_SHA384 {
        named(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])
    } else if used == &rcgen::PKCS_ED25519 {
        named(&[0x2b, 0x65, 0x70])
    } else if used == &rcgen::PKCS_RSA_SHA256 {
        let id = der::oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11]);
        Some(der::sequence(&[id, der::tagged(0x05, &[])]))
    } else {
        None
    }
}

/// PEM with lines of 64 letters and an end of line after the last one.
fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::request::tests::pem as request;
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, SanType};

    /// An authority that ends in the year 4096, as they do where nobody says.
    pub(in super::super) fn authority() -> (Authority, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        (Authority::new(&certificate, &key.serialize_pem()).unwrap(), certificate)
    }

    fn der_of(pem: &str) -> Vec<u8> {
        x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap().1.contents
    }

    #[test]
    fn what_is_signed_verifies_and_says_what_was_asked() {
        let (authority, certificate) = authority();
        let names = [
            SanType::DnsName("n.example".try_into().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
        ];
        let wanted = Wanted::parse(request("jane", "dev", &names).as_bytes()).unwrap();
        let usages = ["client auth", "digital signature", "key encipherment"].map(String::from);
        let env = Env::simulated(1);
        let signed = authority.sign(&wanted, &usages, Some(3600), &env).unwrap();
        let (signed, ca) = (der_of(&signed), der_of(&certificate));
        let (rest, signed) = X509Certificate::from_der(&signed).unwrap();
        let (_, ca) = X509Certificate::from_der(&ca).unwrap();
        assert!(rest.is_empty());
        signed.verify_signature(Some(ca.public_key())).unwrap();
        assert_eq!(signed.issuer(), ca.subject());
        assert_eq!(signed.subject().to_string(), "O=dev, CN=jane");
        let now = env.now().as_second();
        assert_eq!(signed.validity().not_before.timestamp(), now - 300);
        assert_eq!(signed.validity().not_after.timestamp(), now + 3600);
        let usage = signed.key_usage().unwrap().unwrap();
        assert!(
            usage.critical && usage.value.digital_signature() && usage.value.key_encipherment()
        );
        assert!(!usage.value.key_cert_sign() && !signed.is_ca());
        let purposes = signed.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.client_auth && !purposes.server_auth);
        let names = signed.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 2);
    }

    #[test]
    fn a_life_has_bounds_and_ends_with_the_authority() {
        let (mut authority, _) = authority();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let life = |authority: &Authority, asked| {
            let (begin, end) = authority.validity(now, asked).unwrap();
            assert_eq!(now.duration_since(begin), BACKDATE);
            end.duration_since(now).as_secs()
        };
        const HOUR: i64 = 3600;
        assert_eq!(life(&authority, Some(1)), 600);
        assert_eq!(life(&authority, Some(7200)), 2 * HOUR);
        assert_eq!(life(&authority, Some(9 * 3600)), 9 * HOUR - 300);
        assert_eq!(life(&authority, None), 365 * 24 * HOUR - 300);
        authority.ends = now + SignedDuration::from_secs(HOUR);
        assert_eq!(life(&authority, None), HOUR);
        authority.ends = now;
        assert!(matches!(authority.validity(now, None), Err(AuthorityError::Expired)));
    }

    #[test]
    fn every_usage_that_can_be_asked_for_has_a_meaning() {
        let all = [
            "any",
            "cert sign",
            "client auth",
            "code signing",
            "content commitment",
            "crl sign",
            "data encipherment",
            "decipher only",
            "digital signature",
            "email protection",
            "encipher only",
            "ipsec end system",
            "ipsec tunnel",
            "ipsec user",
            "key agreement",
            "key encipherment",
            "microsoft sgc",
            "netscape sgc",
            "ocsp signing",
            "s/mime",
            "server auth",
            "signing",
            "timestamping",
        ];
        let (flags, purposes) = key_usages(&all.map(String::from)).unwrap();
        assert_eq!((flags, purposes.len()), (0xff80, 12));
        assert!(key_usages(&["fun".into()]).is_err());
    }
}
