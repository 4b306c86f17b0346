//! A type of your own, served by its own `ResourceDef`, and a controller for it.
//!
//! A `Greeting` is turned into a ConfigMap, which follows it when it changes.

use std::error::Error;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator::Cluster;
use orchestrator::client::{Informer, KindExt, Patch, custom_kind, gvr};
use orchestrator::controllers::controller_fn;
use orchestrator::core::ObjectKey;
use orchestrator::core::controller::{Outcome, WatchSpec};
use orchestrator::core::resource::{ResourceDef, Scope};
use serde_json::json;

#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
struct Greeting {
    metadata: ObjectMeta,
    spec: GreetingSpec,
}

#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
struct GreetingSpec {
    who: String,
}

custom_kind!(Greeting: "example.com" / "v1", plural "greetings", scope Namespace);

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder()
        .simulated(1)
        .resource(ResourceDef::new(gvr::<Greeting>(), "Greeting", Scope::Namespaced))
        .controller(|deps| {
            let greetings: Informer<Greeting> = deps.informers.of();
            let config_maps = deps.client().api::<ConfigMap>();
            let watches = vec![WatchSpec::own(gvr::<Greeting>())];
            controller_fn("greeter", watches, move |key, _| {
                let greeting = greetings.get(&key);
                let config_maps = config_maps.clone();
                async move {
                    let Some(greeting) = greeting else { return Ok(Outcome::Done) };
                    let object = json!({
                        "apiVersion": "v1", "kind": "ConfigMap",
                        "metadata": {"ownerReferences": [greeting.controller_reference()]},
                        "data": {"text": format!("hello, {}", greeting.spec.who)},
                    });
                    let manager = "greeter".to_owned();
                    let patch = Patch::Apply { object, manager, force: true };
                    config_maps.patch(&key, patch).await?;
                    Ok(Outcome::Done)
                }
            })
        })
        .start()
        .await?;

    let greetings = cluster.client().api::<Greeting>();
    let key = ObjectKey::new("default", "first");
    let mut greeting = Greeting::default();
    greeting.metadata.name = Some("first".into());
    greeting.metadata.namespace = Some("default".into());
    greeting.spec.who = "world".into();
    greetings.create(&greeting).await?;
    cluster.settle().await;
    let text = |map: &ConfigMap| map.data.as_ref().and_then(|data| data.get("text").cloned());
    let config_maps = cluster.client().api::<ConfigMap>();
    assert_eq!(text(&*config_maps.get(&key).await?).as_deref(), Some("hello, world"));

    greetings.patch(&key, Patch::Merge(json!({"spec": {"who": "moon"}}))).await?;
    cluster.settle().await;
    assert_eq!(text(&*config_maps.get(&key).await?).as_deref(), Some("hello, moon"));

    greetings.delete(&key, &Default::default()).await?;
    cluster.settle().await;
    assert!(config_maps.find(&key).await?.is_none(), "the garbage collector takes what is owned");
    println!("the greeting came, changed and went, and its ConfigMap with it");
    Ok(())
}
