//! What every step of one request can reach.

use std::sync::{Arc, OnceLock};

use orchestrator_core::resource::Change;
use orchestrator_core::store::Key;
use orchestrator_core::{ApiRequest, Status};
use parking_lot::Mutex;

use crate::admission::Seen;
use crate::registry::Resource;
use crate::server::ApiServer;

/// One request on its way.
pub(crate) struct Cx<'a> {
    pub(crate) server: &'a ApiServer,
    pub(crate) resource: Arc<Resource>,
    pub(crate) request: ApiRequest,
    pub(crate) warnings: Mutex<Vec<String>>,
    pub(crate) seen: Seen,
    now: OnceLock<String>,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(server: &'a ApiServer, resource: Arc<Resource>, request: ApiRequest) -> Self {
        Self {
            server,
            resource,
            request,
            warnings: Mutex::default(),
            seen: Seen::default(),
            now: OnceLock::new(),
        }
    }

    /// Tells the client about something right but unwise.
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        let warning = warning.into();
        let mut warnings = self.warnings.lock();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    pub(crate) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }

    /// The time of the request as objects carry it: one for all that it writes.
    pub(crate) fn now(&self) -> &str {
        self.now.get_or_init(|| self.server.env.now_rfc3339())
    }

    /// The key of the object that the request names.
    pub(crate) fn key(&self) -> Key {
        self.resource.key(&self.request.namespace, &self.request.name)
    }

    /// What strategies are told about the write.
    pub(crate) fn change(&self) -> Change<'_> {
        Change {
            subresource: &self.request.subresource,
            verb: self.request.verb,
            env: &self.server.env,
            network: &self.server.network,
        }
    }

    /// 404: the object that the request names is not there.
    pub(crate) fn not_found(&self) -> Status {
        Status::not_found(&self.resource.group_resource, &self.request.name)
    }

    /// 409: the object that the request names was changed by somebody else.
    pub(crate) fn modified(&self) -> Status {
        Status::modified(&self.resource.group_resource, &self.request.name)
    }
}
