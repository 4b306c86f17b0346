//! Who is let into a cluster, besides the holders of what the cluster itself has signed.

use std::path::PathBuf;
use std::sync::Arc;

use orchestrator_apiserver::ApiServer;
use orchestrator_apiserver::authn::{
    Authenticators, BootstrapTokens, CertificatesOf, ClientCertificates, Oidc, OidcConfig,
    RequestHeader, RequestHeaderConfig, ServiceAccountTokens, StaticTokens, TokenWebhook,
};
use orchestrator_apiserver::authz::Webhook;
use orchestrator_apiserver::tls::Pki;
use orchestrator_core::{BoxError, Env};

/// A kubeconfig that names a remote server, with the folder that its files are relative to.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    /// The text.
    pub text: String,
    /// The folder.
    pub folder: PathBuf,
}

/// Whom a cluster knows and what they may do, besides its own certificates, tokens and roles.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Access {
    /// Users with fixed tokens: lines of `token,user,uid,"group,group"`.
    pub token_file: Option<String>,
    /// Issuers of OpenID Connect tokens.
    pub issuers: Vec<OidcConfig>,
    /// A proxy that names users in headers.
    pub request_header: Option<RequestHeaderConfig>,
    /// A server that is asked whose a token is.
    pub token_webhook: Option<Kubeconfig>,
    /// A server that is asked who may do what.
    pub authorization_webhook: Option<Kubeconfig>,
}

impl Access {
    /// The authorities, in PEM, whose certificates clients may show besides the cluster's own.
    pub(super) fn authorities(&self) -> &str {
        self.request_header.as_ref().map_or("", |config| &config.authorities)
    }

    /// The authorizer that is asked after the cluster's roles.
    pub(super) fn authorizer(&self, env: &Env) -> Result<Option<Webhook>, BoxError> {
        let Some(Kubeconfig { text, folder }) = &self.authorization_webhook else {
            return Ok(None);
        };
        Ok(Some(Webhook::new(text, folder, env.clone())?))
    }

    /// Everybody who tells who asks.
    pub(super) fn authenticators(
        &self,
        api: &Arc<ApiServer>,
        tokens: &Arc<ServiceAccountTokens>,
        pki: &Pki,
    ) -> Result<Authenticators, BoxError> {
        let env = api.env();
        let mut all = Authenticators::new();
        all = match &self.request_header {
            Some(config) => all
                .with(Arc::new(RequestHeader::new(config.clone(), env.clone())?))
                .with(Arc::new(CertificatesOf::new(pki.ca_certificate(), env.clone())?)),
            None => all.with(Arc::new(ClientCertificates)),
        };
        let admin = (pki.admin_token().to_owned(), Pki::admin());
        all = all.with(Arc::new(StaticTokens::new([admin])));
        if let Some(text) = &self.token_file {
            all = all.with(Arc::new(StaticTokens::from_csv(text)?));
        }
        all = all.with(Arc::clone(tokens) as _);
        all = all.with(Arc::new(BootstrapTokens::new(api.objects().clone(), env.clone())));
        for config in &self.issuers {
            all = all.with(Arc::new(Oidc::new(config.clone(), env.clone())?));
        }
        if let Some(Kubeconfig { text, folder }) = &self.token_webhook {
            all = all.with(Arc::new(TokenWebhook::new(text, folder, env.clone())?));
        }
        Ok(all)
    }
}
