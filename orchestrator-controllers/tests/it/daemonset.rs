//! DaemonSets against a real API, with pods that run at once.

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_client::KindExt;
use serde_json::json;

use crate::plane::{Plane, template};

async fn images(plane: &Plane) -> Vec<String> {
    let pods = plane.list::<Pod>("default").await;
    let mut images: Vec<_> = pods
        .iter()
        .map(|pod| pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap())
        .collect();
    images.sort();
    images
}

#[tokio::test(start_paused = true)]
async fn each_fitting_node_has_a_daemon_of_the_present_template() {
    let plane = Plane::with_pods().await;
    let mut template = template("d", "img:1");
    template["spec"]["nodeSelector"] = json!({"only": "x"});
    let set = json!({"metadata": {"namespace": "default", "name": "d"}, "spec": {
        "selector": {"matchLabels": {"app": "d"}}, "template": template}});
    plane.create::<DaemonSet>(set).await;
    let status = plane.get::<DaemonSet>("default/d").await.status.clone().unwrap();
    let want = json!({"currentNumberScheduled": 0, "numberMisscheduled": 0,
        "desiredNumberScheduled": 0, "numberReady": 0, "observedGeneration": 1});
    assert_eq!(json!(status), want);

    for (name, labels) in
        [("a", json!({"only": "x"})), ("b", json!({"only": "x"})), ("c", json!({}))]
    {
        plane.create::<Node>(json!({"metadata": {"name": name, "labels": labels}})).await;
    }
    assert_eq!(images(&plane).await, ["img:1", "img:1"]);
    let revisions = plane.list::<ControllerRevision>("default").await;
    assert_eq!((revisions.len(), revisions[0].revision), (1, 1));

    let image =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "img:2"}]}}}});
    plane.patch::<DaemonSet>("default/d", image).await;
    assert_eq!(images(&plane).await, ["img:2", "img:2"]);
    let status = plane.get::<DaemonSet>("default/d").await.status.clone().unwrap();
    assert_eq!((status.updated_number_scheduled, status.number_available), (Some(2), Some(2)));

    plane.patch::<Node>("b", json!({"metadata": {"labels": {"only": "y"}}})).await;
    assert_eq!(plane.list::<Pod>("default").await.len(), 1);
    plane.delete::<DaemonSet>("default/d", "Background").await;
    assert!(plane.list::<Pod>("default").await.is_empty());
    assert!(plane.list::<ControllerRevision>("default").await.is_empty());
    assert_eq!(plane.get::<Node>("a").await.name(), "a");
}
