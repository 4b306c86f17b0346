//! The binding cycle: what happens between the choice of a node and the pod being bound.

use orchestrator_client::Client;
use orchestrator_core::scheduler::PodInfo;
use tokio::sync::Semaphore;

use super::{Bound, Framework, Permit, Refusal};

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
        let result = self.bind_reserved(client, slots, pod, node).await;
        if result.is_err() {
            self.unreserve(self.points.reserves.len(), pod, node);
        }
        result
    }

    /// Lets every plugin reserve; where one fails, all that were asked give back.
    pub(super) fn reserve(&self, pod: &PodInfo, node: &str) -> Result<(), (&'static str, Refusal)> {
        for (index, plugin) in self.points.reserves.iter().enumerate() {
            if let Err(refusal) = plugin.reserve(pod, node) {
                self.unreserve(index + 1, pod, node);
                return Err((plugin.name(), refusal));
            }
        }
        Ok(())
    }

    /// Lets the first `count` plugins give back, the last of them first.
    fn unreserve(&self, count: usize, pod: &PodInfo, node: &str) {
        for plugin in self.points.reserves[..count].iter().rev() {
            plugin.unreserve(pod, node);
        }
    }

    async fn bind_reserved(
        &self,
        client: &Client,
        slots: &Semaphore,
        pod: &PodInfo,
        node: &str,
    ) -> Result<(), (&'static str, Refusal)> {
        for plugin in &self.points.permits {
            let answer = match plugin.permit(pod, node) {
                Permit::Allow => Ok(()),
                Permit::Deny(refusal) => Err(refusal),
                Permit::Wait(answer, limit) => {
                    tokio::select! {
                        biased;
                        answer = answer => answer,
                        () = client.env().sleep(limit) => {
                            let name = plugin.name();
                            Err(Refusal::resolvable(format!("timeout waiting for {name}")))
                        }
                    }
                }
            };
            answer.map_err(|refusal| (plugin.name(), refusal))?;
        }
        for plugin in &self.points.pre_binds {
            let result = plugin.pre_bind(client, pod, node).await;
            result.map_err(|refusal| (plugin.name(), refusal))?;
        }
        let _slot = slots.acquire().await.expect("nobody closes the slots");
        for plugin in &self.points.binds {
            match plugin.bind(client, pod, node).await {
                Ok(Bound::Done) => {
                    self.points.post_binds.iter().for_each(|told| told.post_bind(pod, node));
                    return Ok(());
                }
                Ok(Bound::Skip) => {}
                Err(refusal) => return Err((plugin.name(), refusal)),
            }
        }
        Err(("", Refusal::unresolvable("no plugin binds the pod")))
    }
}
