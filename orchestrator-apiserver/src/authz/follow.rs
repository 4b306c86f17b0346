//! An image of some resources' objects, kept up to date from the store.
//!
//! Nothing runs in the background. The image is made when it is first looked at, and each look
//! takes in what the store's watches have meanwhile: a write that was acknowledged before the look
//! is part of it, and a server whose image nobody asks for pays nothing.

use std::fmt;

use futures::{FutureExt, StreamExt};
use orchestrator_core::object::Object;
use orchestrator_core::store::{Range, WatchRequest, WatchStream, WatchUpdate};
use orchestrator_core::{GroupVersionResource, Revision, Status};
use tokio::sync::Mutex;

use crate::registry::{Objects, Stored, failed};

/// What is made of the objects that are followed.
pub(crate) trait Image: Default + Send + 'static {
    /// The resources to follow.
    const RESOURCES: &'static [(&'static str, &'static str, &'static str)];

    /// Takes in an object of the resource with the index `which`, new or changed. Its `key` is
    /// its name, after its namespace and a slash where it has one.
    fn put(&mut self, which: usize, key: &str, object: &Object);

    /// Lets go of an object.
    fn remove(&mut self, which: usize, key: &str);
}

/// Follows the objects of an [`Image`].
pub(crate) struct Follow<I> {
    objects: Objects,
    state: Mutex<Option<State<I>>>,
}

struct State<I> {
    image: I,
    sources: Vec<Source>,
}

/// The changes of one resource.
struct Source {
    which: usize,
    /// How long the part of keys is that all objects of the resource share.
    prefix: usize,
    stream: WatchStream,
}

impl<I> fmt::Debug for Follow<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}

impl<I: Image> Follow<I> {
    pub(crate) fn new(objects: Objects) -> Self {
        Self { objects, state: Mutex::default() }
    }

    /// Looks at the image as it is now.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn look<T>(&self, look: impl FnOnce(&I) -> T) -> Result<T, Status> {
        let mut slot = self.state.lock().await;
        let current = slot.take().and_then(State::caught_up);
        let state = match current {
            Some(state) => state,
            None => self.load().await?,
        };
        Ok(look(&slot.insert(state).image))
    }

    /// Reads everything at one revision and watches from there.
    async fn load(&self) -> Result<State<I>, Status> {
        let mut state = State { image: I::default(), sources: Vec::new() };
        let mut revision = Revision::ZERO;
        for (which, &(group, version, resource)) in I::RESOURCES.iter().enumerate() {
            let gvr = GroupVersionResource::new(group, version, resource);
            let Some(resource) = self.objects.resource(&gvr) else { continue };
            let keys = resource.keys("");
            let prefix = keys.start.as_bytes().len();
            let range = Range { revision, ..Range::new(keys.clone()) };
            let found = self.objects.range(range).await?;
            if revision.is_zero() {
                revision = found.revision;
            }
            for stored in found.kvs.into_iter().map(Stored::from) {
                state.put(which, prefix, &stored);
            }
            let stream = self.objects.watch(WatchRequest::new(keys, revision.next())).await;
            let stream = stream.map_err(|error| failed(&error))?;
            state.sources.push(Source { which, prefix, stream });
        }
        Ok(state)
    }
}

impl<I: Image> State<I> {
    /// Takes in all that is there; `None` where a watch broke off.
    fn caught_up(mut self) -> Option<Self> {
        for at in 0..self.sources.len() {
            loop {
                // A task's budget must not make what is there look as if it were not.
                let next = tokio::task::unconstrained(self.sources[at].stream.next());
                match next.now_or_never() {
                    None => break,
                    Some(Some(Ok(update))) => self.take(at, &update),
                    Some(_) => return None,
                }
            }
        }
        Some(self)
    }

    fn take(&mut self, at: usize, update: &WatchUpdate) {
        let WatchUpdate::Events { events, .. } = update else { return };
        let (which, prefix) = (self.sources[at].which, self.sources[at].prefix);
        for event in events.iter() {
            match event.deleted {
                true => self.image.remove(which, below(event.kv.key.as_bytes(), prefix)),
                false => self.put(which, prefix, &Stored::from(event.kv.clone())),
            }
        }
    }

    fn put(&mut self, which: usize, prefix: usize, stored: &Stored) {
        // What cannot be read gives no rights.
        if let Ok(object) = stored.item.value().lean() {
            self.image.put(which, below(stored.key.as_bytes(), prefix), &object);
        }
    }
}

fn below(key: &[u8], prefix: usize) -> &str {
    key.get(prefix..).and_then(|rest| std::str::from_utf8(rest).ok()).unwrap_or_default()
}
