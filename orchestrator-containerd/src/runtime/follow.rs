//! The stream of events: what containerd tells of its own accord.
//!
//! The stream begins before the list, so that nothing falls between them. Where it breaks, because
//! containerd was killed, it is begun again, and so is the list. Only there does a wait end by time:
//! nothing tells that a containerd which another owns is back.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use orchestrator_core::runtime::RuntimeError;
use prost::Message;
use tokio::sync::oneshot;
use tonic::{Response, Status, Streaming};

use super::table::Owner;
use super::{Core, exits};
use crate::error::failed;
use crate::wire::events::{Envelope, PublishRequest, SubscribeRequest, TaskDelete, TaskOom};

/// The first pause before the stream is begun again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const DELETED: &str = "/tasks/delete";
/// What we say ourselves, to hear that we are heard.
const GREETING: &str = "/orchestrator/greeting";
const OUT_OF_MEMORY: &str = "/tasks/oom";

/// Runs for ever; says once that everything is known.
pub(super) async fn run(core: Arc<Core>, following: oneshot::Sender<()>) {
    let mut following = Some(following);
    let mut pause = FIRST_PAUSE;
    loop {
        match begin(&core).await {
            Ok(stream) => {
                pause = FIRST_PAUSE;
                if let Some(following) = following.take() {
                    // Whoever opens the runtime may have given up.
                    let _ = following.send(());
                }
                follow(&core, stream).await;
                tracing::warn!("containerd's events broke off");
            }
            Err(error) => tracing::debug!(error = %error.chain(), "no events of containerd"),
        }
        core.env.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn begin(core: &Core) -> Result<Streaming<Envelope>, RuntimeError> {
    let stream = subscribe(core).await;
    let stream = stream.map_err(|status| failed("cannot follow events", &status))?;
    core.list().await?;
    Ok(stream)
}

/// Subscribes. containerd says nothing, not even that it has understood, before there is an event;
/// so there is one of our own.
async fn subscribe(core: &Core) -> Result<Streaming<Envelope>, Status> {
    let filter = |topic: &str| format!("namespace==k8s.io,topic=={topic:?}");
    let filters = [DELETED, OUT_OF_MEMORY, GREETING].map(filter).into();
    let mut client = core.link.events();
    let mut stream = pin!(client.subscribe(SubscribeRequest { filters }));
    loop {
        let greet = async {
            let event = Some(prost_types::Any { type_url: GREETING.into(), value: Vec::new() });
            let request = PublishRequest { topic: GREETING.into(), event };
            let greeted = core.link.events().publish(request).await;
            core.env.sleep(FIRST_PAUSE).await;
            greeted
        };
        tokio::select! {
            biased;
            stream = &mut stream => return stream.map(Response::into_inner),
            // It may have come before the subscription did: then the next one tells.
            greeted = greet => drop(greeted?),
        }
    }
}

async fn follow(core: &Core, mut stream: Streaming<Envelope>) {
    while let Ok(Some(envelope)) = stream.message().await {
        let bytes = envelope.event.map(|event| event.value).unwrap_or_default();
        match envelope.topic.as_str() {
            DELETED => {
                if let Ok(event) = TaskDelete::decode(&*bytes) {
                    ended(core, &event).await;
                }
            }
            OUT_OF_MEMORY => {
                if let Ok(event) = TaskOom::decode(&*bytes)
                    && let Some(container) = core.table.lock().container_mut(&event.container_id)
                {
                    container.out_of_memory = true;
                }
            }
            _ => {}
        }
    }
}

/// A sandbox or a container has ended; its output is complete.
async fn ended(core: &Core, event: &TaskDelete) {
    let id = event.container_id.as_str();
    if !event.id.is_empty() && event.id != id {
        // A command beside the container's own.
        return;
    }
    let owner = core.table.lock().owner(id);
    let uid = match owner {
        None => return,
        Some(Owner::Sandbox { uid }) => {
            if let Some(sandbox) = core.table.lock().sandbox_mut(id) {
                sandbox.ready = false;
            }
            uid
        }
        Some(Owner::Container { uid }) => {
            // It knows more of the end than the event, but may know of the end later.
            if let Err(error) = core.look_at_container(id).await {
                tracing::debug!(container = id, error = %error.chain(), "not looked at");
            }
            if let Some(container) = core.table.lock().container_mut(id) {
                let at = event.exited_at.map_or_else(|| core.env.now(), |at| time(core, at));
                let exit = exits::of_event(container, event.exit_status, at);
                container.end(exit);
                if let Some(exit) = container.state.exit()
                    && let Err(error) = exits::note(&container.facts, exit)
                {
                    tracing::warn!(container = id, %error, "end not noted");
                }
            }
            uid
        }
    };
    core.changed(&uid);
}

fn time(core: &Core, time: prost_types::Timestamp) -> Timestamp {
    Timestamp::new(time.seconds, time.nanos).unwrap_or_else(|_| core.env.now())
}
