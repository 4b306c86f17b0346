//! kube-rs as it is, over the API in this process.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::api::{
    Api, AttachParams, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::events::{Event as Report, EventType, Recorder, Reporter};
use kube::runtime::finalizer::{Event as Finalizer, finalizer};
use kube::runtime::watcher::{self, watcher};
use kube::{Client, Resource};
use serde_json::json;

use crate::plane::{STARTED, deployment, running, simulated};

fn map(name: &str) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    ConfigMap { metadata, ..ConfigMap::default() }
}

#[tokio::test(start_paused = true)]
async fn objects_are_made_applied_paged_and_deleted() {
    let cluster = simulated(1, 0).await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.kube_client(), "default");
    for n in 0..25 {
        maps.create(&PostParams::default(), &map(&format!("m-{n:02}"))).await.unwrap();
    }
    let mut names = BTreeSet::new();
    let mut page = ListParams::default().limit(10);
    loop {
        let list = maps.list(&page).await.unwrap();
        names.extend(list.items.into_iter().filter_map(|map| map.metadata.name));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = ListParams::default().limit(10).continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names.iter().filter(|name| name.starts_with("m-")).count(), 25);

    let apply = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m-00"}, "data": {"a": "1"},
    }));
    let applied = maps.patch("m-00", &PatchParams::apply("first"), &apply).await.unwrap();
    assert_eq!(applied.data.unwrap()["a"], "1");
    let other = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m-00"}, "data": {"a": "2"},
    }));
    let refused = maps.patch("m-00", &PatchParams::apply("second"), &other).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 409));
    let forced = PatchParams::apply("second").force();
    assert_eq!(maps.patch("m-00", &forced, &other).await.unwrap().data.unwrap()["a"], "2");

    maps.delete("m-01", &DeleteParams::default()).await.unwrap();
    assert!(maps.get_opt("m-01").await.unwrap().is_none());
    let meta: PartialObjectMeta<ConfigMap> = maps.get_metadata("m-02").await.unwrap();
    assert_eq!(meta.metadata.name.as_deref(), Some("m-02"));
}

#[tokio::test(start_paused = true)]
async fn both_list_strategies_of_the_watcher_see_everything() {
    let cluster = simulated(1, 0).await;
    let client = cluster.kube_client();
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    for name in ["a", "b"] {
        maps.create(&PostParams::default(), &map(name)).await.unwrap();
    }
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut events =
            pin!(watcher(maps.clone(), config.fields("metadata.name!=kube-root-ca.crt")));
        let mut initial = Vec::new();
        loop {
            match events.try_next().await.unwrap().expect("a watcher does not end") {
                watcher::Event::InitApply(map) => initial.extend(map.metadata.name),
                watcher::Event::InitDone => break,
                _ => {}
            }
        }
        assert_eq!(initial, ["a", "b"]);
        maps.create(&PostParams::default(), &map("later")).await.unwrap();
        let event = events.try_next().await.unwrap();
        assert!(
            matches!(event, Some(watcher::Event::Apply(map)) if map.metadata.name.as_deref() == Some("later"))
        );
        maps.delete("later", &DeleteParams::default()).await.unwrap();
        let event = events.try_next().await.unwrap();
        assert!(matches!(event, Some(watcher::Event::Delete(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_with_a_finalizer_cleans_up_before_objects_go() {
    let cluster = simulated(1, 0).await;
    let client = cluster.kube_client();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    async fn reconcile(
        map: Arc<ConfigMap>,
        client: Arc<Client>,
    ) -> Result<Action, kube::runtime::finalizer::Error<kube::Error>> {
        let maps: Api<ConfigMap> = Api::namespaced(Client::clone(&client), "default");
        let done = maps.clone();
        finalizer(&maps, "example.com/clean", map, |event| async move {
            if let Finalizer::Cleanup(map) = event {
                let name = format!("{}-cleaned", map.metadata.name.clone().unwrap_or_default());
                let metadata = ObjectMeta { name: Some(name), ..ObjectMeta::default() };
                done.create(
                    &PostParams::default(),
                    &ConfigMap { metadata, ..ConfigMap::default() },
                )
                .await?;
            }
            Ok(Action::await_change())
        })
        .await
    }
    let selected = watcher::Config::default().labels("clean=yes");
    let controller = Controller::new(maps.clone(), selected);
    let running = controller.run(
        reconcile,
        |_, error, _| panic!("reconcile failed: {error}"),
        Arc::new(client),
    );
    let _task = cluster.env().spawn("controller", running.for_each(|_| async {}));
    let mut labelled = map("mine");
    labelled.metadata.labels = Some([("clean".to_owned(), "yes".to_owned())].into());
    maps.create(&PostParams::default(), &labelled).await.unwrap();
    cluster.advance(STARTED).await;
    let finalizers = maps.get("mine").await.unwrap().metadata.finalizers;
    assert_eq!(finalizers, Some(vec!["example.com/clean".to_owned()]));
    maps.delete("mine", &DeleteParams::default()).await.unwrap();
    cluster.advance(STARTED).await;
    assert!(maps.get_opt("mine").await.unwrap().is_none());
    assert!(maps.get_opt("mine-cleaned").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn events_are_recorded() {
    let cluster = simulated(1, 0).await;
    let client = cluster.kube_client();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let made = maps.create(&PostParams::default(), &map("a")).await.unwrap();
    let recorder = Recorder::new(client.clone(), Reporter::from("tester"));
    let report = Report {
        type_: EventType::Normal,
        reason: "Tested".into(),
        note: Some("all is well".into()),
        action: "Test".into(),
        secondary: None,
    };
    recorder.publish(&report, &made.object_ref(&())).await.unwrap();
    let events: Api<Event> = Api::namespaced(client, "default");
    let listed = events.list(&ListParams::default().fields("reason=Tested")).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].message.as_deref(), Some("all is well"));
}

#[tokio::test(start_paused = true)]
async fn exec_and_logs_reach_a_simulated_container() {
    let cluster = simulated(1, 1).await;
    cluster.client().api().create(&deployment("web", 1)).await.unwrap();
    cluster.advance(STARTED).await;
    let name = running(&cluster).await[0].metadata.name.clone().unwrap();
    let pods: Api<Pod> = Api::namespaced(cluster.kube_client(), "default");
    pods.logs(&name, &Default::default()).await.unwrap();
    let attached = pods.exec(&name, ["true"], &AttachParams::default().stderr(false)).await;
    let mut process = attached.expect("the upgrade works without a socket");
    let status = process.take_status().expect("a status is promised");
    let ended = tokio::time::timeout(Duration::from_secs(10), status).await.unwrap();
    assert_eq!(ended.and_then(|status| status.status).as_deref(), Some("Success"));
}
