//! The service itself: who asks, what for, and the answer in the form that was asked for.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::future::{Either, select};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::Body;
use orchestrator_core::node::ExecOptions;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{ApiRequest, ApiService, Env, Status, UserInfo, Verb};
use orchestrator_wire::session::{self, Purpose, Sessions, Upgrade};

use super::answer::{self, Answer, Held};
use super::metrics::Metrics;
use super::path::{ResourcePath, Route};
use super::proxy::{self, Onward};
use super::query::Query;
use super::request::{self, text};
use super::{body, caller, fixed};
use crate::authn::{Authenticators, ServiceAccountTokens};
use crate::discovery::{Discovery, Health};
use crate::encode::{self, Form, Include, Payload, Wish};
use crate::openapi::OpenApi;
use crate::server::ApiServer;

/// How long the server may take to begin an answer, as upstream allows; what a watch or a log
/// goes on with does not count.
const PATIENCE: Duration = Duration::from_secs(60);

/// The API over HTTP, as a tower service; cheap to clone.
///
/// # Contract
/// - A request of any body type is answered; a failure is a `Status`, never an error of the
///   service.
/// - Dropping the future of a request gives it up; the outcome of a write is then unknown.
#[derive(Clone)]
pub struct HttpService {
    pub(super) shared: Arc<Shared>,
    /// On whose behalf requests without credentials are made; `None` for anonymous.
    user: Option<Arc<UserInfo>>,
}

/// What all clones of a service share.
pub(crate) struct Shared {
    pub(crate) server: Arc<ApiServer>,
    pub(crate) authenticators: Authenticators,
    pub(crate) keys: Option<Arc<ServiceAccountTokens>>,
    pub(crate) discovery: Discovery,
    pub(crate) openapi: OpenApi,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    pub(crate) sessions: Sessions,
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").field("user", &self.user).finish_non_exhaustive()
    }
}

impl HttpService {
    /// `server` over HTTP for those whom `authenticators` know.
    pub fn new(server: Arc<ApiServer>, authenticators: Authenticators) -> Self {
        Self::with_keys(server, authenticators, None)
    }

    /// The same, publishing the keys of service account tokens for other services to verify
    /// them.
    pub fn with_keys(
        server: Arc<ApiServer>,
        authenticators: Authenticators,
        keys: Option<Arc<ServiceAccountTokens>>,
    ) -> Self {
        // The first face tells; others know the same tokens.
        let _ = server.authenticators.set(authenticators.clone());
        let shared = Shared {
            openapi: OpenApi::new(server.registry().clone()),
            sessions: Sessions::new(server.env().clone()),
            server,
            authenticators,
            keys,
            discovery: Discovery::default(),
            health: Health::default(),
            metrics: Metrics::default(),
        };
        Self { shared: Arc::new(shared), user: None }
    }

    /// The same service, where requests without credentials are made on behalf of `user`: for
    /// callers in the same process.
    #[must_use]
    pub fn on_behalf_of(&self, user: UserInfo) -> Self {
        Self { shared: Arc::clone(&self.shared), user: Some(Arc::new(user)) }
    }

    pub(crate) fn env(&self) -> &Env {
        self.shared.server.env()
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Payload>
    where
        B: Body<Data: Buf>,
    {
        let _running = self.shared.metrics.running();
        let head = request.method() == Method::HEAD;
        let (mut parts, body) = request.into_parts();
        let mut answer = match caller::user(&self.shared, self.user.as_deref(), &parts).await {
            Ok(user) => self.route(&mut parts, body, user).await,
            Err(status) => answer::failure(&status, Form::PLAIN),
        };
        let headers = answer.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.env().uid()) {
            headers.insert("audit-id", id);
        }
        let cache = header::CACHE_CONTROL;
        headers.entry(cache).or_insert(HeaderValue::from_static("no-cache, private"));
        if head {
            *answer.body_mut() = Payload::empty();
        }
        answer
    }

    async fn route<B>(&self, parts: &mut Parts, body: B, user: UserInfo) -> Answer
    where
        B: Body<Data: Buf>,
    {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        match Route::parse(parts.uri.path()) {
            Ok(Route::Other(path)) => {
                fixed::answer(&self.shared, parts, &path, &query, &user).await
            }
            Ok(Route::Resource(path)) => {
                let group = path.resource.group.to_string();
                let call = Call { service: self, parts, query: &query };
                let (form, result) = call.run(path, body, user).await;
                match result {
                    Ok(answer) => answer,
                    Err(status) if is_no_resource(&status) && !self.serves(&group) => {
                        answer::page_not_found()
                    }
                    Err(status) => answer::failure(&status, form),
                }
            }
            Err(status) => answer::failure(&status, Form::PLAIN),
        }
    }

    fn serves(&self, group: &str) -> bool {
        self.shared.server.registry().has_group(group)
    }
}

/// Whether it is the resource itself that is not there.
fn is_no_resource(status: &Status) -> bool {
    status.code == 404 && status.message == Status::no_such_resource().message
}

/// One request to a resource.
struct Call<'a> {
    service: &'a HttpService,
    parts: &'a mut Parts,
    query: &'a Query,
}

impl Call<'_> {
    /// Answers, and tells the form in which a failure is to be sent.
    async fn run<B>(
        mut self,
        path: ResourcePath,
        body: B,
        user: UserInfo,
    ) -> (Form, Result<Answer, Status>)
    where
        B: Body<Data: Buf>,
    {
        let verb = match request::verb(&self.parts.method, &path, self.query) {
            Ok(verb) => verb,
            Err(status) => return (Form::PLAIN, Err(status)),
        };
        if path.subresource == "proxy" {
            return (Form::PLAIN, self.proxy(path, body, user).await);
        }
        if verb == Verb::Connect {
            return (Form::PLAIN, self.connect(path, user).await);
        }
        // The log of a container is text, whatever the client says it accepts.
        let form = match path.subresource == "log" {
            true => Form::PLAIN,
            false => match self.negotiate(verb) {
                Ok(form) => form,
                Err(status) => return (Form::PLAIN, Err(status)),
            },
        };
        let name = path.resource.resource.to_string();
        let result = self.call(verb, path, body, user, form).await;
        let code = result.as_ref().map_or_else(|status| status.code, |a| a.status().as_u16());
        // Names that are not served are not counted one by one: a scanner would fill the table.
        let name = if code == 404 || code == 403 { "" } else { name.as_str() };
        self.service.shared.metrics.answered(verb, name, code);
        (form, result)
    }

    fn negotiate(&self, verb: Verb) -> Result<Form, Status> {
        let headers = &self.parts.headers;
        let wish = Wish {
            accept: text(headers, header::ACCEPT),
            pretty: self.query.get("pretty").map(|_| self.query.flag("pretty")),
            agent: text(headers, header::USER_AGENT),
            watch: verb == Verb::Watch,
        };
        wish.negotiate()
    }

    async fn call<B>(
        &mut self,
        verb: Verb,
        path: ResourcePath,
        body: B,
        user: UserInfo,
        form: Form,
    ) -> Result<Answer, Status>
    where
        B: Body<Data: Buf>,
    {
        let include = Include::parse(self.query.get("includeObject"))?;
        let bytes = match request::has_body(verb) {
            true => body::read(body, self.service.env()).await?,
            false => Bytes::new(),
        };
        let headers = &self.parts.headers;
        let request = request::build(verb, path, self.query, headers, bytes, user)?;
        let shared = &self.service.shared;
        let late = pin!(self.service.env().sleep(PATIENCE));
        let response = match select(shared.server.call(request), late).await {
            Either::Left((response, _)) => response?,
            Either::Right(_) => {
                let why = "Timeout: request did not complete within the allotted timeout";
                return Err(Status::timeout(why, 1));
            }
        };
        let encoded = encode::encode(response.body, form, include, self.service.env())?;
        let mut answer = answer::encoded(encoded, text(headers, header::ACCEPT_ENCODING));
        answer::warn(&mut answer, &response.warnings);
        if verb == Verb::Watch {
            until_stop(answer.body_mut(), shared);
        }
        Ok(answer)
    }

    /// Hands the request over to a pod.
    async fn proxy<B>(
        &mut self,
        path: ResourcePath,
        body: B,
        user: UserInfo,
    ) -> Result<Answer, Status>
    where
        B: Body<Data: Buf>,
    {
        if path.watch {
            return Err(Status::method_not_allowed());
        }
        let env = self.service.env();
        let body = body::read(body, env).await?;
        let headers = &self.parts.headers;
        let at = path.clone();
        let request = request::build(Verb::Connect, at, self.query, headers, Bytes::new(), user)?;
        let request = request::told(request, &self.parts.method);
        let response = self.service.shared.server.call(request).await?;
        let ResponseBody::Proxy(target) = response.body else {
            return Err(Status::internal("the request goes nowhere"));
        };
        let upgrade = proxy::upgrade(self.parts);
        let onward = Onward { target, path: &path, parts: self.parts, body, upgrade };
        let late = pin!(env.sleep(PATIENCE));
        let sessions = &self.service.shared.sessions;
        match select(pin!(onward.send(env, sessions)), late).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(Status::timeout("the pod did not answer in time", 1)),
        }
    }

    /// Opens a two-way session.
    async fn connect(&mut self, path: ResourcePath, user: UserInfo) -> Result<Answer, Status> {
        let headers = &self.parts.headers;
        let request = request::build(Verb::Connect, path, self.query, headers, Bytes::new(), user)?;
        let request = request::told(request, &self.parts.method);
        let shared = &self.service.shared;
        let Some(upgrade) = Upgrade::take(self.parts) else {
            return Err(self.without_upgrade(request).await);
        };
        let plan = plan(&upgrade, &request)?;
        let response = shared.server.call(request).await?;
        let answer = match response.body {
            ResponseBody::Exec(session) => upgrade.exec(plan, session, &shared.sessions),
            ResponseBody::PortForward(ports) => upgrade.forward(plan, ports, &shared.sessions),
            _ => Err(Status::internal("the session cannot be upgraded")),
        };
        answer.map(|answer| answer.map(|()| Payload::empty()))
    }

    /// What is wrong with a request that should have asked for an upgrade: nothing is started
    /// for it, yet a missing object is told first.
    async fn without_upgrade(&self, request: ApiRequest) -> Status {
        let ApiRequest { resource, namespace, name, user, .. } = request;
        let mut get = ApiRequest::new(Verb::Get, resource, user).namespace(namespace);
        get.name = name;
        match self.service.shared.server.call(get).await {
            Ok(_) => Status::bad_request("Upgrade request required"),
            Err(status) => status,
        }
    }
}

/// How the session that a request asks for will go.
fn plan(upgrade: &Upgrade, request: &ApiRequest) -> Result<session::Plan, Status> {
    let options = &request.options;
    if request.subresource == "portforward" {
        return upgrade.plan(Purpose::Ports(session::ports(options.rest_all("ports"))?));
    }
    let joins = |name| options.rest_flag(name);
    upgrade.plan(Purpose::Command(&ExecOptions {
        stdin: joins("stdin"),
        stdout: joins("stdout"),
        stderr: joins("stderr"),
        tty: joins("tty"),
        ..ExecOptions::default()
    }))
}

/// Counts the watch as open until it ends, which it does at the latest when the server stops.
fn until_stop(payload: &mut Payload, shared: &Shared) {
    if let Payload::Stream(frames) = std::mem::replace(payload, Payload::empty()) {
        let frames = frames.take_until(Box::pin(shared.health.stopped()));
        *payload = Payload::Stream(Box::pin(Held::new(frames, shared.metrics.watching())));
    }
}

impl<B> tower::Service<Request<B>> for HttpService
where
    B: Body<Data: Buf + Send> + Send + 'static,
{
    type Response = Response<Payload>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}
