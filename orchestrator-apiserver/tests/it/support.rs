//! A server on a memory store, and short forms of requests to it.

use std::sync::Arc;

use orchestrator_apiserver::ApiServer;
use orchestrator_core::object::Object;
use orchestrator_core::request::{Body, Options, PatchKind};
use orchestrator_core::service::{List, ResponseBody, Watch};
use orchestrator_core::{
    ApiRequest, ApiResponse, ApiService, Env, GroupVersionResource, Json, ObjectKey, Status,
    UserInfo, Verb,
};
use orchestrator_store::MemoryStore;

/// A server with the namespace `ns` and its account.
#[derive(Clone, Debug)]
pub struct Api {
    pub server: Arc<ApiServer>,
}

/// The object that an answer holds.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub object: Json,
    pub warnings: Vec<String>,
}

pub fn gvr(path: &str) -> GroupVersionResource {
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    match &parts[..] {
        [version, resource] => GroupVersionResource::new("", version.clone(), resource.clone()),
        [group, version, resource] => {
            GroupVersionResource::new(group.clone(), version.clone(), resource.clone())
        }
        _ => panic!("{path} is no resource"),
    }
}

pub fn object(json: Json) -> Object {
    serde_json::from_value(json).unwrap()
}

pub fn request(verb: Verb, path: &str) -> ApiRequest {
    ApiRequest::new(verb, gvr(path), UserInfo::system("admin")).namespace(namespace(path))
}

/// The namespace that requests about `path` go to.
fn namespace(path: &str) -> &'static str {
    let plural = path.rsplit('/').next().unwrap();
    let cluster = [
        "namespaces",
        "nodes",
        "priorityclasses",
        "storageclasses",
        "runtimeclasses",
        "customresourcedefinitions",
    ];
    if cluster.contains(&plural) || plural.ends_with("reviews") { "" } else { "ns" }
}

impl Api {
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub async fn with(
        build: impl FnOnce(orchestrator_apiserver::Builder) -> orchestrator_apiserver::Builder,
    ) -> Self {
        let env = Env::simulated(1);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let server = build(ApiServer::builder(store, env)).build();
        server.start().await.unwrap();
        let api = Self { server };
        api.create("v1/namespaces", serde_json::json!({"metadata": {"name": "ns"}})).await.unwrap();
        let account = serde_json::json!({"metadata": {"name": "default"}});
        api.create("v1/serviceaccounts", account).await.unwrap();
        api
    }

    pub async fn call(&self, request: ApiRequest) -> Result<ApiResponse, Status> {
        self.server.call(request).await
    }

    pub async fn object(&self, request: ApiRequest) -> Result<Answer, Status> {
        let answer = self.call(request).await?;
        let ResponseBody::Object { code, item, .. } = answer.body else {
            panic!("{:?} is no object", answer.body)
        };
        let object = item.to_object().unwrap().into_json();
        Ok(Answer { code, object, warnings: answer.warnings })
    }

    pub async fn create(&self, path: &str, body: Json) -> Result<Json, Status> {
        let request = request(Verb::Create, path).body(object(body));
        self.object(request).await.map(|answer| answer.object)
    }

    pub async fn get(&self, path: &str, name: &str) -> Result<Json, Status> {
        let key = ObjectKey::new(namespace(path), name);
        self.object(request(Verb::Get, path).object(&key)).await.map(|answer| answer.object)
    }

    pub async fn update(&self, path: &str, name: &str, body: Json) -> Result<Json, Status> {
        let key = ObjectKey::new(namespace(path), name);
        let request = request(Verb::Update, path).object(&key).body(object(body));
        self.object(request).await.map(|answer| answer.object)
    }

    pub async fn patch(&self, path: &str, name: &str, patch: Json) -> Result<Json, Status> {
        self.patch_part(path, name, "", patch).await
    }

    pub async fn patch_part(
        &self,
        path: &str,
        name: &str,
        part: &str,
        patch: Json,
    ) -> Result<Json, Status> {
        let kind = if patch.is_array() { PatchKind::Json } else { PatchKind::Merge };
        let body = Body::Patch { bytes: patch.to_string().into(), kind };
        let key = ObjectKey::new(namespace(path), name);
        let request = request(Verb::Patch, path).object(&key).subresource(part).body(body);
        self.object(request).await.map(|answer| answer.object)
    }

    pub async fn delete(&self, path: &str, name: &str, options: Options) -> Result<Answer, Status> {
        let key = ObjectKey::new(namespace(path), name);
        self.object(request(Verb::Delete, path).object(&key).options(options)).await
    }

    pub async fn list(&self, path: &str, options: Options) -> Result<List, Status> {
        match self.call(request(Verb::List, path).options(options)).await?.body {
            ResponseBody::List(list) => Ok(list),
            other => panic!("{other:?} is no list"),
        }
    }

    pub async fn watch(&self, path: &str, options: Options) -> Result<Watch, Status> {
        match self.call(request(Verb::Watch, path).options(options)).await?.body {
            ResponseBody::Watch(watch) => Ok(watch),
            other => panic!("{other:?} is no watch"),
        }
    }
}

/// The names of a list's objects.
pub fn names(list: &List) -> Vec<String> {
    list.items.iter().map(|item| item.key().name.into_owned()).collect()
}
