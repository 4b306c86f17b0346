//! The pods of a node: which worker has which, and what each is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_client::KindExt;
use orchestrator_core::controller::Change;
use orchestrator_core::env::Tasks;
use orchestrator_core::{Item, ObjectKey};
use parking_lot::Mutex;

use super::Owned;
use super::admission::Admission;
use super::context::Context;
use super::mailbox::Mailbox;
use super::mirror;
use super::node;
use super::worker::{self, Worker};
use crate::material::References;
use crate::plan::Rejection;

/// The pods of a node.
#[derive(Debug)]
pub(crate) struct Pods {
    context: Arc<Context>,
    admission: Admission,
    table: Mutex<BTreeMap<String, Entry>>,
    tasks: Mutex<Tasks>,
}

/// One pod and its worker.
#[derive(Debug)]
struct Entry {
    key: ObjectKey,
    pod: Arc<Pod>,
    references: References,
    mailbox: Arc<Mailbox>,
    _worker: Owned,
}

impl Pods {
    pub(super) fn new(context: Arc<Context>) -> Arc<Self> {
        Arc::new(Self {
            context,
            admission: Admission::default(),
            table: Mutex::default(),
            tasks: Mutex::default(),
        })
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Takes a change of the API's pods; those of other nodes are nothing to this one.
    pub(crate) fn deliver(self: &Arc<Self>, change: &Change) {
        let typed = |item: &Option<Item>| item.as_ref().and_then(|item| item.typed::<Pod>().ok());
        let (old, new) = (typed(&change.old), typed(&change.new));
        let ours = |pod: &Arc<Pod>| {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            node == Some(self.context.node.name.as_str())
        };
        let new = new.filter(ours);
        let mirrors = [&old, &new].into_iter().flatten().any(|pod| mirror::is_mirror(pod));
        if mirrors {
            return self.mirrored(&change.item().map(Item::key).unwrap_or_default(), new);
        }
        if let Some(old) = old
            && new.as_ref().is_none_or(|new| new.uid() != old.uid())
        {
            // A watch that selects tells the last state with the deletion.
            self.gone(&old);
        }
        if let Some(new) = new {
            self.present(new);
        }
    }

    fn gone(&self, last: &Arc<Pod>) {
        if let Some(entry) = self.table.lock().get(last.uid()) {
            entry.mailbox.put(|mail| mail.gone = true);
        }
    }

    fn present(self: &Arc<Self>, pod: Arc<Pod>) {
        let mut table = self.table.lock();
        if let Some(entry) = table.get_mut(pod.uid()) {
            entry.pod = Arc::clone(&pod);
            entry.mailbox.put(|mail| mail.pod = Some(pod));
            return;
        }
        let rejection = self.admit(&pod).err();
        let entry = self.entry(pod, rejection, false);
        table.insert(entry.pod.uid().to_owned(), entry);
    }

    /// Takes a change of a mirror.
    fn mirrored(self: &Arc<Self>, key: &ObjectKey, mirror: Option<Arc<Pod>>) {
        let table = self.table.lock();
        let mut statics = table.values().filter(|entry| mirror::is_static(&entry.pod));
        match (statics.find(|entry| entry.key == *key), mirror) {
            (Some(entry), mirror) => entry.mailbox.put(|mail| mail.mirror = Some(mirror)),
            // The manifest was removed while no agent ran.
            (None, Some(mirror)) => self.discard(mirror),
            (None, None) => {}
        }
    }

    fn discard(self: &Arc<Self>, mirror: Arc<Pod>) {
        let context = Arc::clone(&self.context);
        let task = self.context.env.spawn("mirror", async move {
            if let Err(status) = mirror::remove(&context, &mirror).await {
                tracing::warn!(pod = %mirror.key(), %status, "mirror not deleted");
            }
        });
        self.tasks.lock().push(task);
    }

    /// Takes the static pods that are there now, by uid.
    pub(super) fn statics(self: &Arc<Self>, mut found: BTreeMap<String, Arc<Pod>>) {
        let mut table = self.table.lock();
        for (uid, entry) in table.iter().filter(|(_, entry)| mirror::is_static(&entry.pod)) {
            if found.remove(uid).is_none() {
                entry.mailbox.put(|mail| mail.gone = true);
            }
        }
        for (uid, pod) in found {
            let rejection = self.admit(&pod).err();
            let entry = self.entry(pod, rejection, false);
            table.insert(uid, entry);
        }
    }

    /// Takes a pod that only the runtime knows, to be ended.
    pub(super) fn orphan(self: &Arc<Self>, pod: Pod) {
        let mut table = self.table.lock();
        if !table.contains_key(pod.uid()) {
            let entry = self.entry(Arc::new(pod), None, true);
            table.insert(entry.pod.uid().to_owned(), entry);
        }
    }

    fn entry(self: &Arc<Self>, pod: Arc<Pod>, rejection: Option<Rejection>, gone: bool) -> Entry {
        let env = &self.context.env;
        let mailbox = Arc::new(Mailbox::new(env.clone()));
        let seed = worker::Seed { pod: Arc::clone(&pod), rejection, gone };
        mailbox.put(|_| ());
        let worker = Worker::new(
            Arc::clone(&self.context),
            Arc::clone(&mailbox),
            Arc::downgrade(self),
            seed,
        );
        Entry {
            key: pod.key(),
            references: References::of(&pod),
            mailbox,
            _worker: env.spawn("pod", worker.run()),
            pod,
        }
    }

    fn admit(&self, pod: &Pod) -> Result<(), Rejection> {
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) || pod.is_terminating() {
            return Ok(());
        }
        if status.is_some_and(|status| status.start_time.is_some()) {
            // An earlier agent has taken it.
            self.admission.keep(pod.uid(), pod);
            return Ok(());
        }
        let key = ObjectKey::cluster(self.context.node.name.as_str());
        let registered: Option<Arc<Node>> = self.context.nodes.get(&key);
        let node = registered.unwrap_or_else(|| Arc::new(node::node(&self.context.node)));
        self.admission.admit(pod.uid(), pod, &node, &self.context.node.capacity)
    }

    /// The pods that have not ended.
    pub(super) fn running(&self) -> Vec<Arc<Pod>> {
        let ended = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.is_terminating() || matches!(phase, Some("Succeeded" | "Failed"))
        };
        let table = self.table.lock();
        table.values().map(|entry| Arc::clone(&entry.pod)).filter(|pod| !ended(pod)).collect()
    }

    /// Fails a pod because the node needs what it uses.
    pub(super) fn evict(&self, uid: &str, why: Rejection) {
        if let Some(entry) = self.table.lock().get(uid) {
            entry.mailbox.put(|mail| mail.evicted = Some(why));
        }
    }

    /// Gives back what a pod used: it runs no more.
    pub(super) fn release(&self, uid: &str) {
        self.admission.release(uid);
    }

    /// Lets go of a pod whose worker is done.
    pub(super) fn remove(&self, uid: &str) {
        self.admission.release(uid);
        // Dropping the entry ends the worker's task, which is what calls this: outside the lock.
        let entry = self.table.lock().remove(uid);
        drop(entry);
    }

    /// Has a worker look at the runtime again.
    pub(super) fn look(&self, uid: &str) {
        if let Some(entry) = self.table.lock().get(uid) {
            entry.mailbox.put(|_| ());
        }
    }

    /// Has all workers look at the runtime again.
    pub(super) fn look_at_all(&self) {
        for entry in self.table.lock().values() {
            entry.mailbox.put(|_| ());
        }
    }

    /// Tells the workers whose pods refer to something that it has changed.
    pub(super) fn source_changed(&self, key: &ObjectKey, refers: fn(&References, &str) -> bool) {
        for entry in self.table.lock().values() {
            if entry.key.namespace == key.namespace && refers(&entry.references, &key.name) {
                entry.mailbox.put(|mail| mail.sources = true);
            }
        }
    }

    /// The pod of that name; the one that is not being deleted where there are two.
    pub(super) fn find(&self, key: &ObjectKey) -> Option<Arc<Pod>> {
        let table = self.table.lock();
        let mut found = table.values().filter(|entry| entry.key == *key);
        let first = found.next()?;
        let live = std::iter::once(first).chain(found).find(|entry| !entry.pod.is_terminating());
        Some(Arc::clone(&live.unwrap_or(first).pod))
    }
}
