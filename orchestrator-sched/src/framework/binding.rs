//! The binding cycle: what happens between the choice of a node and the pod being bound.
//!
//! A plugin that panics fails the pod that it was asked about, with a message that names it, and
//! nothing else. One that does not answer is given up after [`MAX_PERMIT`]; one that blocks its
//! thread cannot be helped.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt;
use orchestrator_client::Client;
use orchestrator_core::scheduler::PodInfo;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::error;

use super::{Bound, Framework, Permit, Refusal};

/// The longest that a pod waits for a permission, whatever its plugin says: upstream's.
pub const MAX_PERMIT: Duration = Duration::from_secs(900);

/// The plugin that is being asked, for when it panics.
type Step = Mutex<&'static str>;

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

fn panicked(plugin: &str, panic: &(dyn Any + Send)) -> Refusal {
    Refusal::resolvable(format!("plugin {plugin} panicked: {}", message(panic)))
}

impl Framework {
    /// Reserves, asks for permission and binds; on failure, everything reserved is given back.
    ///
    /// The last step, which writes, takes one of `slots`; the steps before it may wait for long.
    ///
    /// # Errors
    /// The refusal of the plugin that failed, with its name.
    ///
    /// # Cancellation
    /// Dropping the future may leave reservations behind and the pod bound.
    pub async fn bind(
        &self,
        client: &Client,
        slots: &Semaphore,
        pod: &PodInfo,
        node: &str,
    ) -> Result<(), (&'static str, Refusal)> {
        self.reserve(pod, node)?;
        let step = Step::default();
        let binding = AssertUnwindSafe(self.bind_reserved(client, slots, pod, node, &step));
        let result = binding.catch_unwind().await.unwrap_or_else(|panic| {
            let plugin = *step.lock();
            Err((plugin, panicked(plugin, &*panic)))
        });
        if result.is_err() {
            self.unreserve(self.points.reserves.len(), pod, node);
        }
        result
    }

    /// Lets every plugin reserve; where one fails, all that were asked give back.
    pub(super) fn reserve(&self, pod: &PodInfo, node: &str) -> Result<(), (&'static str, Refusal)> {
        for (index, plugin) in self.points.reserves.iter().enumerate() {
            let reserved = catch_unwind(AssertUnwindSafe(|| plugin.reserve(pod, node)));
            let reserved = reserved.unwrap_or_else(|panic| Err(panicked(plugin.name(), &*panic)));
            if let Err(refusal) = reserved {
                self.unreserve(index + 1, pod, node);
                return Err((plugin.name(), refusal));
            }
        }
        Ok(())
    }

    /// Lets the first `count` plugins give back, the last of them first.
    fn unreserve(&self, count: usize, pod: &PodInfo, node: &str) {
        for plugin in self.points.reserves[..count].iter().rev() {
            let given_back = catch_unwind(AssertUnwindSafe(|| plugin.unreserve(pod, node)));
            if let Err(panic) = given_back {
                error!(pod = %pod.key, plugin = plugin.name(), panic = message(&*panic), "unreserve panicked");
            }
        }
    }

    async fn bind_reserved(
        &self,
        client: &Client,
        slots: &Semaphore,
        pod: &PodInfo,
        node: &str,
        step: &Step,
    ) -> Result<(), (&'static str, Refusal)> {
        for plugin in &self.points.permits {
            *step.lock() = plugin.name();
            let answer = match plugin.permit(pod, node) {
                Permit::Allow => Ok(()),
                Permit::Deny(refusal) => Err(refusal),
                Permit::Wait(answer, limit) => {
                    let limit = limit.min(MAX_PERMIT);
                    tokio::select! {
                        biased;
                        answer = answer => answer,
                        () = client.env().sleep(limit) => {
                            Err(Refusal::resolvable(format!(
                                "rejected due to timeout after waiting {}s at plugin {}",
                                limit.as_secs_f64(),
                                plugin.name()
                            )))
                        }
                    }
                }
            };
            answer.map_err(|refusal| (plugin.name(), refusal))?;
        }
        for plugin in &self.points.pre_binds {
            *step.lock() = plugin.name();
            let result = plugin.pre_bind(client, pod, node).await;
            result.map_err(|refusal| (plugin.name(), refusal))?;
        }
        let _slot = slots.acquire().await.expect("nobody closes the slots");
        for plugin in &self.points.binds {
            *step.lock() = plugin.name();
            match plugin.bind(client, pod, node).await {
                Ok(Bound::Done) => {
                    self.post_bind(pod, node);
                    return Ok(());
                }
                Ok(Bound::Skip) => {}
                Err(refusal) => return Err((plugin.name(), refusal)),
            }
        }
        Err(("", Refusal::unresolvable("no plugin binds the pod")))
    }

    /// Tells who wants to know; the pod is bound whatever they do.
    fn post_bind(&self, pod: &PodInfo, node: &str) {
        for plugin in &self.points.post_binds {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| plugin.post_bind(pod, node))) {
                error!(pod = %pod.key, plugin = plugin.name(), panic = message(&*panic), "post-bind panicked");
            }
        }
    }
}
