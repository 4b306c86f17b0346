//! Events: what happened to an object, for people who ask.
//!
//! Reporting never blocks and never fails the caller: events go through a bounded queue to one
//! task that writes them; when the queue is full they are dropped, with a trace. The same event
//! again only counts up the one that is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use orchestrator_core::env::{Busy, Task, rfc3339};
use orchestrator_core::{ObjectKey, Status};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{Api, Client, Kind, KindExt, Patch};

/// How many events may wait to be written: more than any burst of a healthy plane.
const QUEUE: usize = 8192;

/// How many written events are remembered for counting up; beyond it all are forgotten at once.
const REMEMBERED: usize = 4096;

/// Reports events on behalf of one component; cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    // Boxed, since a queue has room for some dozen messages from the beginning.
    queue: mpsc::Sender<Box<(Report, Busy)>>,
    client: Client,
    _writer: Arc<Task<()>>,
}

/// What makes two events the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    uid: String,
    kind: String,
    key: ObjectKey,
    field_path: String,
    r#type: &'static str,
    reason: String,
    message: String,
}

#[derive(Debug)]
struct Report {
    object: ObjectReference,
    r#type: &'static str,
    reason: String,
    message: String,
}

impl Recorder {
    /// Reports as `component`, as in `kubelet`, from `host`, which may be empty.
    pub fn new(client: &Client, component: &str, host: &str) -> Self {
        let (queue, reports) = mpsc::channel(QUEUE);
        let writer = Writer {
            api: client.api(),
            source: EventSource {
                component: Some(component.into()),
                host: Some(host.to_owned()).filter(|host| !host.is_empty()),
            },
            written: BTreeMap::new(),
        };
        let task = client.env().spawn("event recorder", writer.run(reports));
        Self { queue, client: client.clone(), _writer: Arc::new(task) }
    }

    /// Reports something expected about `object`.
    pub fn normal<K: Kind>(&self, object: &K, reason: &str, message: impl Into<String>) {
        self.report(reference(object), "Normal", reason, message.into());
    }

    /// Reports something to look at about `object`.
    pub fn warning<K: Kind>(&self, object: &K, reason: &str, message: impl Into<String>) {
        self.report(reference(object), "Warning", reason, message.into());
    }

    /// Reports about an object, or a part of it, that `reference` names; `r#type` is `Normal` or
    /// `Warning`.
    pub fn report(
        &self,
        object: ObjectReference,
        r#type: &'static str,
        reason: &str,
        message: String,
    ) {
        let report = Report { object, r#type, reason: reason.into(), message };
        let busy = self.client.env().activity().begin();
        if let Err(error) = self.queue.try_send(Box::new((report, busy))) {
            tracing::warn!(%error, reason, "event dropped");
        }
    }
}

/// A reference that names an object.
pub fn reference<K: Kind>(object: &K) -> ObjectReference {
    let meta = object.metadata();
    ObjectReference {
        api_version: Some(K::API_VERSION.into()),
        kind: Some(K::KIND.into()),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        field_path: None,
    }
}

struct Writer {
    api: Api<Event>,
    source: EventSource,
    written: BTreeMap<Identity, (ObjectKey, i32)>,
}

impl Writer {
    async fn run(mut self, mut reports: mpsc::Receiver<Box<(Report, Busy)>>) {
        while let Some(waiting) = reports.recv().await {
            let (report, _busy) = *waiting;
            // Boxed, so that a task that waits is small: most components hardly ever report.
            if let Err(status) = Box::pin(self.write(report)).await {
                tracing::debug!(%status, "event not written");
            }
        }
    }

    async fn write(&mut self, report: Report) -> Result<(), Status> {
        let identity = identity(&report);
        if let Some((key, count)) = self.written.get_mut(&identity) {
            *count += 1;
            let now = rfc3339(self.api.client().env().now());
            let patch = Patch::Merge(json!({"count": *count, "lastTimestamp": now}));
            match self.api.patch(key, patch).await {
                Err(status) if status.is_not_found() => drop(self.written.remove(&identity)),
                other => return other.map(drop),
            }
        }
        let event = self.event(report);
        if self.written.len() >= REMEMBERED {
            self.written.clear();
        }
        let made = self.api.create(&event).await?;
        self.written.insert(identity, (made.key(), 1));
        Ok(())
    }

    fn event(&self, report: Report) -> Event {
        let env = self.api.client().env();
        let now = Time(env.now());
        let namespace = report.object.namespace.clone().filter(|namespace| !namespace.is_empty());
        let name = report.object.name.as_deref().unwrap_or_default();
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:016x}", env.random_below(u64::MAX))),
                namespace: Some(namespace.unwrap_or_else(|| "default".into())),
                ..ObjectMeta::default()
            },
            involved_object: report.object,
            type_: Some(report.r#type.into()),
            reason: Some(report.reason),
            message: Some(report.message),
            source: Some(self.source.clone()),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            count: Some(1),
            reporting_component: self.source.component.clone(),
            reporting_instance: self.source.host.clone(),
            ..Event::default()
        }
    }
}

fn identity(report: &Report) -> Identity {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    Identity {
        uid: text(&report.object.uid),
        kind: text(&report.object.kind),
        key: ObjectKey::new(text(&report.object.namespace), text(&report.object.name)),
        field_path: text(&report.object.field_path),
        r#type: report.r#type,
        reason: report.reason.clone(),
        message: report.message.clone(),
    }
}
