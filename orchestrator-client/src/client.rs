//! The client: an API service, and the user on whose behalf it is called.

use std::sync::Arc;

use orchestrator_core::request::{ApiRequest, UserInfo};
use orchestrator_core::{ApiResponse, ApiService, Env, GroupVersionResource, Status, Verb};

use crate::remote::{ConfigError, RemoteConfig, RemoteService};
use crate::{Api, Kind};

/// Calls the API as one user; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    service: Arc<dyn ApiService>,
    user: UserInfo,
    agent: Arc<str>,
    env: Env,
}

impl Client {
    /// Calls `service` in this process as `user`; the user's name owns the fields written.
    pub fn direct(service: Arc<dyn ApiService>, user: UserInfo, env: Env) -> Self {
        let agent = user.name.rsplit(':').next().unwrap_or_default().into();
        Self { service, user, agent, env }
    }

    /// Calls a server over HTTPS; who the user is, the server finds out by itself.
    ///
    /// # Errors
    /// Certificates or keys of the configuration cannot be used.
    pub fn remote(config: RemoteConfig, env: Env) -> Result<Self, ConfigError> {
        let service = Arc::new(RemoteService::new(config, env.clone())?);
        Ok(Self { service, user: UserInfo::default(), agent: "orchestrator".into(), env })
    }

    /// The same, with another name for the owner of the fields written.
    #[must_use]
    pub fn with_agent(mut self, agent: &str) -> Self {
        self.agent = agent.into();
        self
    }

    /// The same service, called as another user; a remote server ignores this.
    #[must_use]
    pub fn with_user(mut self, user: UserInfo) -> Self {
        self.user = user;
        self
    }

    /// Clock, randomness, uids, tasks.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The service itself.
    pub fn service(&self) -> &Arc<dyn ApiService> {
        &self.service
    }

    /// Objects of type `K`.
    pub fn api<K: Kind>(&self) -> Api<K> {
        Api::new(self.clone())
    }

    /// A request as this client's user.
    pub fn request(&self, verb: Verb, resource: GroupVersionResource) -> ApiRequest {
        let mut request = ApiRequest::new(verb, resource, self.user.clone());
        request.agent = self.agent.to_string();
        request
    }

    /// Calls the API.
    ///
    /// # Errors
    /// What the server answered, or 503 where it cannot be reached.
    pub async fn call(&self, request: ApiRequest) -> Result<ApiResponse, Status> {
        self.service.call(request).await
    }
}
