//! One request: who asks, what for, and what the agent says.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::Informer;
use orchestrator_core::node::NodeApi;
use orchestrator_core::{Env, Status, UserInfo};
use orchestrator_wire::listener::Face;
use orchestrator_wire::session::{Purpose, Sessions, Upgrade};
use serde_json::json;

use super::access;
use super::answer::{self, Body};
use super::query::Query;
use super::route::Route;

/// How long the agent may take to begin an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers for one agent.
#[derive(Clone)]
pub(super) struct Service(Arc<Shared>);

struct Shared {
    env: Env,
    node: String,
    api: Arc<dyn NodeApi>,
    pods: Informer<Pod>,
    sessions: Sessions,
}

impl Service {
    pub(super) fn new(env: &Env, node: &str, api: Arc<dyn NodeApi>, pods: Informer<Pod>) -> Self {
        let sessions = Sessions::new(env.clone());
        Self(Arc::new(Shared { env: env.clone(), node: node.into(), api, pods, sessions }))
    }
}

impl Face for Service {
    type Body = Body;

    fn env(&self) -> &Env {
        &self.0.env
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Option<Arc<UserInfo>>,
    ) -> Response<Body> {
        // No request has a body that matters.
        let (mut parts, _) = request.into_parts();
        let late = pin!(self.0.env.sleep(PATIENCE));
        let result = match select(pin!(self.0.answer(&mut parts, peer.as_deref())), late).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Status::timeout("the node did not answer in time", 1)),
        };
        result.unwrap_or_else(|status| answer::failure(&status))
    }
}

impl Shared {
    async fn answer(
        &self,
        parts: &mut Parts,
        peer: Option<&UserInfo>,
    ) -> Result<Response<Body>, Status> {
        access::check(peer)?;
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let route = Route::parse(parts.uri.path())?;
        let session = matches!(route, Route::Exec(..) | Route::Attach(..) | Route::PortForward(_));
        if parts.method != Method::GET && !(session && parts.method == Method::POST) {
            return Err(Status::method_not_allowed());
        }
        Ok(match route {
            Route::Health => answer::text("ok"),
            Route::Pods => self.pods()?,
            Route::Logs(pod, container) => {
                answer::stream(self.api.logs(&pod, query.log(&container)?).await?)
            }
            Route::Exec(pod, container) => {
                let options = query.command(&container)?;
                let upgrade = upgrade(parts)?;
                let plan = upgrade.plan(Purpose::Command(&options))?;
                let session = self.api.exec(&pod, options).await?;
                answer::upgraded(upgrade.exec(plan, session, &self.sessions)?)
            }
            Route::Attach(pod, container) => {
                let options = query.command(&container)?;
                let upgrade = upgrade(parts)?;
                let plan = upgrade.plan(Purpose::Command(&options))?;
                let session = self.api.attach(&pod, options).await?;
                answer::upgraded(upgrade.exec(plan, session, &self.sessions)?)
            }
            Route::PortForward(pod) => {
                let upgrade = upgrade(parts)?;
                let plan = upgrade.plan(Purpose::Ports(query.ports()?))?;
                let ports = self.api.port_forward(&pod).await?;
                answer::upgraded(upgrade.forward(plan, ports, &self.sessions)?)
            }
        })
    }

    /// The pods of this node; others may be in the same cache.
    fn pods(&self) -> Result<Response<Body>, Status> {
        let here = |pod: &Arc<Pod>| {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            node == Some(&*self.node)
        };
        let pods = self.pods.list();
        let items: Result<Vec<_>, _> =
            pods.iter().filter(|pod| here(pod)).map(|pod| serde_json::to_value(&**pod)).collect();
        let items = items.map_err(Status::internal)?;
        let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items});
        Ok(answer::json(&list))
    }
}

fn upgrade(parts: &mut Parts) -> Result<Upgrade, Status> {
    Upgrade::take(parts).ok_or_else(|| Status::bad_request("Upgrade request required"))
}
