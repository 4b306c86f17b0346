//! The files that say who is let in.

use std::path::Path;

use orchestrator::apiserver::authn::{OidcConfig, RequestHeaderConfig};
use orchestrator::apiserver::outbound::Trust;
use orchestrator::cluster::{Access, Kubeconfig};
use orchestrator::core::BoxError;

use crate::UsageError;
use crate::args::Access as Args;

/// Reads what the options name.
pub fn read(args: &Args) -> Result<Access, BoxError> {
    let mut access = Access::default();
    if let Some(path) = &args.token_auth_file {
        access.token_file = Some(text(path)?);
    }
    access.issuers.extend(issuer(args)?);
    if let Some(path) = &args.requestheader_client_ca_file {
        let mut config = RequestHeaderConfig::new(text(path)?);
        config.allowed_names = args.requestheader_allowed_names.clone();
        config.username_headers = args.requestheader_username_headers.clone();
        config.group_headers = args.requestheader_group_headers.clone();
        config.extra_prefixes = args.requestheader_extra_headers_prefix.clone();
        access.request_header = Some(config);
    }
    let kubeconfig = |path: &Option<_>| path.as_deref().map(kubeconfig).transpose();
    access.token_webhook = kubeconfig(&args.authentication_token_webhook_config_file)?;
    access.authorization_webhook = kubeconfig(&args.authorization_webhook_config_file)?;
    Ok(access)
}

fn issuer(args: &Args) -> Result<Option<OidcConfig>, BoxError> {
    let (Some(issuer), Some(client)) = (&args.oidc_issuer_url, &args.oidc_client_id) else {
        return Ok(None);
    };
    if !issuer.starts_with("https://") {
        return Err(UsageError("--oidc-issuer-url must begin with https://".into()).into());
    }
    let mut config = OidcConfig::new(issuer, client);
    config.username_claim = args.oidc_username_claim.clone();
    config.username_prefix = args.oidc_username_prefix.clone();
    config.groups_claim = args.oidc_groups_claim.clone();
    config.groups_prefix = args.oidc_groups_prefix.clone();
    for claim in &args.oidc_required_claim {
        let Some((name, value)) = claim.split_once('=') else {
            let why = format!("--oidc-required-claim {claim}: there is no =");
            return Err(UsageError(why.into()).into());
        };
        config.required_claims.insert(name.into(), value.into());
    }
    config.algorithms.clear();
    for name in &args.oidc_signing_algs {
        let known = name.parse().map_err(|_| {
            let why = format!("--oidc-signing-algs: {name} is no algorithm that is known");
            UsageError(why.into())
        })?;
        config.algorithms.push(known);
    }
    if let Some(path) = &args.oidc_ca_file {
        config.trust = Trust::authorities(text(path)?);
    }
    Ok(Some(config))
}

fn kubeconfig(path: &Path) -> Result<Kubeconfig, BoxError> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Kubeconfig { text: text(path)?, folder })
}

fn text(path: &Path) -> Result<String, BoxError> {
    let read = std::fs::read_to_string(path);
    read.map_err(|error| {
        let why = format!("{}: {error}", path.display());
        UsageError(why.into()).into()
    })
}
