//! The server itself: its parts, and the one function through which everything goes.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use orchestrator_core::node::NodeDialer;
use orchestrator_core::resource::Network;
use orchestrator_core::{ApiRequest, ApiResponse, ApiService, Env, Status, Store, UserInfo};

use crate::admission::Admission;
use crate::alloc::Services;
use crate::authn::Authenticators;
use crate::authz::{self, Attributes, Authorizer, Decision, Rbac, Target};
use crate::builder::Builder;
use crate::custom::{self, Custom};
use crate::registry::{Leases, Objects, Registry};
use crate::subresource::token::TokenIssuer;
use crate::{bootstrap, pipeline};

/// A Kubernetes API server without sockets; made by [`ApiServer::builder`].
pub struct ApiServer {
    pub(crate) env: Env,
    pub(crate) registry: Registry,
    pub(crate) objects: Objects,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    /// The rights that stored roles give, whoever decides about requests.
    pub(crate) roles: Arc<Rbac>,
    /// Whether the roles that every cluster has are made at the start.
    pub(crate) with_policy: bool,
    pub(crate) admission: Vec<Arc<dyn Admission>>,
    pub(crate) nodes: Option<Arc<dyn NodeDialer>>,
    pub(crate) tokens: Option<Arc<dyn TokenIssuer>>,
    /// Who tells whom a token belongs to, besides `tokens`; known once the server has a face.
    pub(crate) authenticators: OnceLock<Authenticators>,
    pub(crate) network: Network,
    pub(crate) leases: Leases,
    pub(crate) services: Services,
    pub(crate) custom: Custom,
}

/// What a server is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) env: Env,
    pub(crate) registry: Registry,
    pub(crate) authorizer: Option<Arc<dyn Authorizer>>,
    pub(crate) more_authorizers: Vec<Arc<dyn Authorizer>>,
    pub(crate) admission: Vec<Arc<dyn Admission>>,
    pub(crate) nodes: Option<Arc<dyn NodeDialer>>,
    pub(crate) tokens: Option<Arc<dyn TokenIssuer>>,
    pub(crate) network: Network,
}

impl ApiServer {
    /// A builder of a server on `store`, with time and randomness from `env`.
    pub fn builder(store: Arc<dyn Store>, env: Env) -> Builder {
        Builder::new(store, env)
    }

    pub(crate) fn new(parts: Parts) -> Self {
        let objects = Objects::new(Arc::clone(&parts.store), parts.registry.clone());
        let roles = Arc::new(Rbac::new(objects.clone()));
        Self {
            with_policy: parts.authorizer.is_none(),
            authorizer: authz::chain(
                parts.authorizer.unwrap_or_else(|| authz::standard(&objects, &roles)),
                parts.more_authorizers,
            ),
            roles,
            leases: Leases::new(parts.store, parts.env.clone()),
            services: Services::new(&parts.network),
            custom: Custom::default(),
            objects,
            env: parts.env,
            registry: parts.registry,
            admission: parts.admission,
            nodes: parts.nodes,
            tokens: parts.tokens,
            authenticators: OnceLock::new(),
            network: parts.network,
        }
    }

    /// Makes sure that the objects which every cluster has are there; call it once before serving.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(&self) -> Result<(), Status> {
        bootstrap::run(self).await?;
        custom::start(self).await
    }

    /// Tells the cluster that the API is reached at `address`: the endpoints of the service
    /// `kubernetes`.
    ///
    /// # Errors
    /// The store's.
    pub async fn advertise(&self, address: SocketAddr) -> Result<(), Status> {
        bootstrap::advertise(self, address).await
    }

    /// What is served.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// All objects, past authorisation and admission.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Clock, randomness and tasks.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The cluster's own addresses.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The address of the service `kubernetes`, under which pods reach this API.
    pub fn service_address(&self) -> Option<std::net::IpAddr> {
        crate::alloc::Services::first_address(self)
    }

    /// Who decides who may do what.
    pub fn authorizer(&self) -> &Arc<dyn Authorizer> {
        &self.authorizer
    }

    /// Lets `user` do `verb` (an HTTP method in lower case) to a path that names no resource.
    ///
    /// # Errors
    /// 403.
    pub async fn authorize_path(
        &self,
        user: &UserInfo,
        verb: &str,
        path: &str,
    ) -> Result<(), Status> {
        self.authorize(Attributes { user, verb, target: Target::Path(path) }).await
    }

    pub(crate) async fn authorize(&self, attributes: Attributes<'_>) -> Result<(), Status> {
        match self.authorizer.authorize(attributes).await {
            Decision::Allow(_) => Ok(()),
            Decision::Deny(reason) | Decision::NoOpinion(reason) => {
                Err(authz::forbidden(attributes, &reason))
            }
        }
    }
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").field("env", &self.env).finish_non_exhaustive()
    }
}

#[async_trait]
impl ApiService for ApiServer {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, Status> {
        pipeline::run(self, request).await
    }
}
