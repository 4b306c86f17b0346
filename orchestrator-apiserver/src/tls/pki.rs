//! The certificate authority of a cluster and what it signs.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{ToSpan, tz::TimeZone};
use orchestrator_core::{Env, UserInfo};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::files::{self, Access};
use super::{TlsError, kubeconfig};

/// How long certificates are valid. All of a cluster end together, with its authority: there is
/// no rotation that a shorter life would exercise.
const VALID_YEARS: i32 = 10;

/// The name and uid of the administrator.
const ADMIN: &str = "admin";

/// The letters of the administrator's token: 160 bits.
const TOKEN_LETTERS: usize = 40;

/// The names that a server has inside every cluster.
const CLUSTER_NAMES: [&str; 6] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "127.0.0.1",
];

/// The keys and certificates of one cluster.
pub struct Pki {
    directory: Option<PathBuf>,
    env: Env,
    ca_certificate: String,
    ca_key: String,
    service_account_key: String,
    admin_token: String,
}

/// A certificate with its key, both in PEM form.
#[derive(Clone)]
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

impl Pki {
    /// Makes everything anew, in memory.
    ///
    /// # Errors
    /// A certificate cannot be made.
    pub fn in_memory(env: &Env) -> Result<Self, TlsError> {
        let (ca_certificate, ca_key) = new_authority(env)?;
        Ok(Self {
            directory: None,
            env: env.clone(),
            ca_certificate,
            ca_key,
            service_account_key: new_key()?,
            admin_token: new_token(env),
        })
    }

    /// Reads everything from `directory`, and makes and writes what is not there: `ca.crt`,
    /// `ca.key`, `sa.key` and `admin.token`.
    ///
    /// # Errors
    /// A file cannot be read or written, or is broken.
    pub fn in_directory(directory: &Path, env: &Env) -> Result<Self, TlsError> {
        let failed = |source| TlsError::File { path: directory.into(), source };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let file = |name: &str| directory.join(name);
        let mut certificate = None;
        let ca_key = files::read_or_make(&file("ca.key"), Access::Private, || {
            let (made, key) = new_authority(env)?;
            certificate = Some(made);
            Ok(key)
        })?;
        if let Some(certificate) = &certificate {
            files::write(&file("ca.crt"), Access::Public, certificate)?;
        }
        let ca_certificate = files::read_or_make(&file("ca.crt"), Access::Public, || {
            // The key survived without its certificate: the same authority, signed again.
            authority(env)?
                .self_signed(&KeyPair::from_pem(&ca_key)?)
                .map(|c| c.pem())
                .map_err(Into::into)
        })?;
        let service_account_key = files::read_or_make(&file("sa.key"), Access::Private, new_key)?;
        let admin_token =
            files::read_or_make(&file("admin.token"), Access::Private, || Ok(new_token(env)))?;
        Ok(Self {
            directory: Some(directory.into()),
            env: env.clone(),
            ca_certificate,
            ca_key,
            service_account_key,
            admin_token: admin_token.trim().into(),
        })
    }

    /// The authority's certificate in PEM form.
    pub fn ca_certificate(&self) -> &str {
        &self.ca_certificate
    }

    /// The authority's private key in PEM form, for whoever signs certificates on request.
    pub fn ca_key(&self) -> &str {
        &self.ca_key
    }

    /// The key that service account tokens are signed with, in PEM form.
    pub fn service_account_key(&self) -> &str {
        &self.service_account_key
    }

    /// The bearer token of the administrator.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The user that the administrator's token stands for; the certificate names the same, yet
    /// certificates carry no uid.
    pub fn admin() -> UserInfo {
        UserInfo { uid: ADMIN.into(), ..UserInfo::new(ADMIN, [UserInfo::MASTERS]) }
    }

    /// A certificate for a server that is reached under the given names and addresses, besides
    /// those that every cluster has.
    ///
    /// # Errors
    /// A name cannot be put into a certificate.
    pub fn server(&self, names: &[String]) -> Result<Signed, TlsError> {
        let mut all: Vec<String> = CLUSTER_NAMES.iter().map(|&name| name.into()).collect();
        let usable = |name: &&String| {
            name.parse::<IpAddr>().map_or(!name.is_empty(), |ip| !ip.is_unspecified())
        };
        all.extend(names.iter().filter(usable).cloned());
        all.sort();
        all.dedup();
        let mut params = leaf(&self.env, all, "kube-apiserver")?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// A certificate for a client: the user `name`, in one group.
    ///
    /// # Errors
    /// A name cannot be put into a certificate.
    pub fn client(&self, name: &str, group: &str) -> Result<Signed, TlsError> {
        let mut params = leaf(&self.env, Vec::new(), name)?;
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Signed, TlsError> {
        let ca_key = KeyPair::from_pem(&self.ca_key)?;
        let issuer = Issuer::from_ca_cert_pem(&self.ca_certificate, ca_key)?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(Signed { certificate, key: key.serialize_pem() })
    }

    /// The kubeconfig of the administrator for the server at `url`; written to
    /// `admin.kubeconfig` where the keys live in a directory.
    ///
    /// # Errors
    /// The certificate cannot be made or the file cannot be written.
    pub fn admin_kubeconfig(&self, url: &str) -> Result<String, TlsError> {
        let admin = self.client(ADMIN, UserInfo::MASTERS)?;
        let text = kubeconfig(url, &self.ca_certificate, &admin);
        if let Some(directory) = &self.directory {
            files::write(&directory.join("admin.kubeconfig"), Access::Private, &text)?;
        }
        Ok(text)
    }
}

fn new_key() -> Result<String, TlsError> {
    Ok(KeyPair::generate()?.serialize_pem())
}

fn new_token(env: &Env) -> String {
    env.secret(TOKEN_LETTERS)
}

fn new_authority(env: &Env) -> Result<(String, String), TlsError> {
    let key = KeyPair::generate()?;
    let certificate = authority(env)?.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn authority(env: &Env) -> Result<CertificateParams, TlsError> {
    let mut params = leaf(env, Vec::new(), "kubernetes-ca")?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    Ok(params)
}

fn leaf(env: &Env, names: Vec<String>, common_name: &str) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let today = env.now().to_zoned(TimeZone::UTC).date();
    let at =
        |date: Date| rcgen::date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8);
    // A day of slack for clients whose clocks run behind.
    params.not_before = at(today.saturating_sub(1.day()));
    params.not_after = at(today.saturating_add(VALID_YEARS.years()));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::user_of_certificate;
    use std::os::unix::fs::PermissionsExt;

    fn der(pem: &str) -> Vec<u8> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn a_client_certificate_carries_user_and_groups() {
        let pki = Pki::in_memory(&Env::system()).unwrap();
        let signed = pki.client("jane", "dev").unwrap();
        let user = user_of_certificate(&der(&signed.certificate));
        assert_eq!(user, Some(UserInfo::new("jane", ["dev"])));
    }

    #[test]
    fn keys_survive_a_restart_and_are_private() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let env = Env::system();
        let first = Pki::in_directory(directory, &env).unwrap();
        first.admin_kubeconfig("https://127.0.0.1:6443").unwrap();
        let second = Pki::in_directory(directory, &env).unwrap();
        assert_eq!(first.ca_certificate, second.ca_certificate);
        assert_eq!(first.admin_token, second.admin_token);
        assert_eq!(first.service_account_key, second.service_account_key);
        for name in ["ca.key", "sa.key", "admin.token", "admin.kubeconfig"] {
            let mode = std::fs::metadata(directory.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        std::fs::remove_file(directory.join("ca.crt")).unwrap();
        let third = Pki::in_directory(directory, &env).unwrap();
        assert!(third.server(&["10.0.0.1".into(), "0.0.0.0".into(), "example.com".into()]).is_ok());
    }
}
