//! The builder of an [`ApiServer`].

use std::sync::Arc;

use orchestrator_core::node::NodeDialer;
use orchestrator_core::resource::Network;
use orchestrator_core::{Env, GroupVersionResource, ResourceDef, Store};

use crate::admission::{self, Admission};
use crate::authz::Authorizer;
use crate::registry::Registry;
use crate::server::{ApiServer, Parts};
use crate::subresource::token::TokenIssuer;

/// Says what an [`ApiServer`] is made of; without further words it serves all built-in kinds,
/// with the built-in admission steps, to those whom the stored roles let.
#[derive(Debug)]
#[must_use = "nothing is served before `build`"]
pub struct Builder {
    store: Arc<dyn Store>,
    env: Env,
    resources: Option<Vec<ResourceDef>>,
    added: Vec<ResourceDef>,
    removed: Vec<GroupVersionResource>,
    authorizer: Option<Arc<dyn Authorizer>>,
    more_authorizers: Vec<Arc<dyn Authorizer>>,
    admission: Vec<Arc<dyn Admission>>,
    nodes: Option<Arc<dyn NodeDialer>>,
    tokens: Option<Arc<dyn TokenIssuer>>,
    network: Network,
}

impl Builder {
    pub(crate) fn new(store: Arc<dyn Store>, env: Env) -> Self {
        Self {
            store,
            env,
            resources: None,
            added: Vec::new(),
            removed: Vec::new(),
            authorizer: None,
            more_authorizers: Vec::new(),
            admission: admission::builtin(),
            nodes: None,
            tokens: None,
            network: Network::default(),
        }
    }

    /// Serves these resources instead of the built-in ones.
    pub fn resources(mut self, defs: Vec<ResourceDef>) -> Self {
        self.resources = Some(defs);
        self
    }

    /// Serves this resource too, or instead of the one that has its name.
    pub fn resource(mut self, def: ResourceDef) -> Self {
        self.added.push(def);
        self
    }

    /// Does not serve this resource.
    pub fn remove(mut self, gvr: GroupVersionResource) -> Self {
        self.removed.push(gvr);
        self
    }

    /// Asks this authorizer, instead of the roles that are stored; the roles that every cluster
    /// has are then not made.
    pub fn authorizer(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.authorizer = Some(authorizer);
        self
    }

    /// Asks this authorizer too, after those that the server has anyway.
    pub fn authorizer_too(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.more_authorizers.push(authorizer);
        self
    }

    /// Appends a step to the admission chain.
    pub fn admission(mut self, step: Arc<dyn Admission>) -> Self {
        self.admission.push(step);
        self
    }

    /// Takes the step of this name out of the admission chain.
    pub fn without_admission(mut self, name: &str) -> Self {
        self.admission.retain(|step| step.name() != name);
        self
    }

    /// Reaches nodes for logs, exec, attach and port-forward.
    pub fn nodes(mut self, nodes: Arc<dyn NodeDialer>) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// Issues and reviews tokens.
    pub fn tokens(mut self, tokens: Arc<dyn TokenIssuer>) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Allocates from these ranges.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Makes the server; [`ApiServer::start`] then brings the store into its first state.
    pub fn build(self) -> Arc<ApiServer> {
        let registry = match self.resources {
            Some(defs) => Registry::new(defs.into_iter().chain(self.added)),
            None => Registry::builtin(self.added),
        };
        self.removed.iter().for_each(|gvr| registry.remove(gvr));
        Arc::new(ApiServer::new(Parts {
            store: self.store,
            env: self.env,
            registry,
            authorizer: self.authorizer,
            more_authorizers: self.more_authorizers,
            admission: self.admission,
            nodes: self.nodes,
            tokens: self.tokens,
            network: self.network,
        }))
    }
}
