//! An operator as people write them with kube-rs: a derived kind, its definition, a controller.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::watcher;
use kube::{Client, CustomResource, CustomResourceExt, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::plane::{STARTED, simulated};

/// So many config maps are wanted.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Counter",
    namespaced,
    status = "CounterStatus",
    shortname = "ct",
    scale(spec_replicas_path = ".spec.wanted", status_replicas_path = ".status.made"),
    printcolumn(name = "Made", json_path = ".status.made", type_ = "integer"),
    crates(serde_json = "foreign_json")
)]
struct CounterSpec {
    #[schemars(range(min = 0, max = 10))]
    wanted: i32,
    #[serde(default = "prefix")]
    prefix: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
struct CounterStatus {
    made: i32,
}

fn prefix() -> String {
    "made".into()
}

/// Makes the config maps, and says how many there are.
async fn reconcile(counter: Arc<Counter>, client: Arc<Client>) -> Result<Action, kube::Error> {
    let client = Client::clone(&client);
    let namespace = counter.namespace().unwrap_or_default();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    for n in 0..counter.spec.wanted {
        let metadata = ObjectMeta {
            name: Some(format!("{}-{n}", counter.spec.prefix)),
            owner_references: Some(counter.controller_owner_ref(&()).into_iter().collect()),
            ..ObjectMeta::default()
        };
        let map = ConfigMap { metadata, ..ConfigMap::default() };
        let name = map.name_any();
        maps.patch(&name, &PatchParams::apply("counter").force(), &Patch::Apply(&map)).await?;
    }
    let counters: Api<Counter> = Api::namespaced(client, &namespace);
    let status = json!({"status": {"made": counter.spec.wanted}});
    let merge = Patch::Merge(&status);
    counters.patch_status(&counter.name_any(), &PatchParams::default(), &merge).await?;
    Ok(Action::await_change())
}

async fn install(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply("operator");
    let name = Counter::crd_name();
    definitions.patch(name, &apply, &Patch::Apply(Counter::crd())).await.unwrap();
    let established = await_condition(definitions, name, conditions::is_crd_established());
    established.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_operator_over_a_derived_kind_runs_as_it_is() {
    let cluster = simulated(1, 0).await;
    let client = cluster.kube_client();
    install(&client).await;
    let counters: Api<Counter> = Api::namespaced(client.clone(), "default");
    let controller = Controller::new(counters.clone(), watcher::Config::default());
    let running = controller.owns(Api::<ConfigMap>::all(client.clone()), Default::default()).run(
        reconcile,
        |_, error, _| panic!("reconcile failed: {error}"),
        Arc::new(client.clone()),
    );
    let _task = cluster.env().spawn("controller", running.for_each(|_| async {}));

    let wanted = |wanted| Counter::new("three", CounterSpec { wanted, prefix: prefix() });
    counters.create(&PostParams::default(), &wanted(3)).await.unwrap();
    cluster.advance(STARTED).await;
    let made = counters.get_status("three").await.unwrap();
    assert_eq!(made.status.map(|status| status.made), Some(3));
    assert_eq!(made.metadata.generation, Some(1));
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    assert!(maps.get_opt("made-2").await.unwrap().is_some());

    let mut other = wanted(11);
    other.metadata.name = Some("eleven".into());
    let refused = counters.create(&PostParams::default(), &other).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    assert_eq!(status.code, 422);
    assert!(status.message.contains("spec.wanted in body should be less than or equal to 10"));

    let scale = Patch::Merge(json!({"spec": {"replicas": 4}}));
    counters.patch_scale("three", &PatchParams::default(), &scale).await.unwrap();
    cluster.advance(STARTED).await;
    assert!(maps.get_opt("made-3").await.unwrap().is_some());

    // What it owns goes with it.
    counters.delete("three", &DeleteParams::default()).await.unwrap();
    cluster.advance(STARTED).await;
    let left = maps.list(&ListParams::default()).await.unwrap();
    assert!(left.items.iter().all(|map| !map.name_any().starts_with("made-")));
}

#[tokio::test(start_paused = true)]
async fn a_definition_goes_with_its_objects() {
    let cluster = simulated(1, 0).await;
    let client = cluster.kube_client();
    install(&client).await;
    let counters: Api<Counter> = Api::namespaced(client.clone(), "default");
    let mut held = Counter::new("held", CounterSpec { wanted: 0, prefix: prefix() });
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    counters.create(&PostParams::default(), &held).await.unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.delete(Counter::crd_name(), &DeleteParams::default()).await.unwrap();
    cluster.advance(STARTED).await;
    let ending = counters.get("held").await.unwrap();
    assert!(ending.metadata.deletion_timestamp.is_some());
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    counters.patch("held", &PatchParams::default(), &free).await.unwrap();
    cluster.advance(STARTED).await;
    assert!(definitions.get_opt(Counter::crd_name()).await.unwrap().is_none());
    let gone = counters.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(gone, kube::Error::Api(status) if status.code == 404));
}
