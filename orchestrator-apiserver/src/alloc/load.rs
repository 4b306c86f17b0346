//! What is handed out already, read from the store; and the repair of what does not fit.
//!
//! Services and claims are read at one revision. A service without its claims (it was stored
//! before there were any, or by hand) gets them; a claim of ours that no service knows goes. Both
//! are written only where nothing has changed since, so that several servers can repair at once.

use orchestrator_core::store::LeaseId;
use orchestrator_core::{Env, GroupVersionResource, Status};

use super::{Held, Services, claim};
use crate::registry::Objects;

/// A claim lasts as long as its service.
const NO_LEASE: LeaseId = 0;

impl Services {
    /// Reads and repairs.
    pub(super) async fn load(&self, objects: &Objects, env: &Env) -> Result<(), Status> {
        let gvr = GroupVersionResource::new("", "v1", "services");
        let revision = objects.revision().await?;
        let mut services = Vec::new();
        if let Some(resource) = objects.resource(&gvr) {
            services = objects.read_all(resource.keys(""), revision).await?;
        }
        let mut claims = Vec::new();
        for range in claim::ranges() {
            claims.extend(objects.read_all(range, revision).await?);
        }
        let mut held = Held::default();
        for service in &services {
            let tree = service.tree()?;
            let own = Held::by(tree);
            let known = |held: &Held| claims.iter().any(|known| claim::of(&known.key) == *held);
            for one in own.one_by_one().filter(|one| !known(one)) {
                let beside = claim::beside(env, &tree.key(), &one, &Held::default());
                for (key, value) in beside.take {
                    // Another server may have come first, which is as good.
                    objects.create(key, value, NO_LEASE).await?;
                }
            }
            held.add(own);
        }
        for stale in &claims {
            let of = claim::of(&stale.key);
            let is_ours = stale.tree().is_ok_and(|tree| claim::is_ours(tree));
            match !of.is_empty() && of.minus(&held) == of && is_ours {
                true => drop(objects.remove(stale).await?),
                false => held.add(of),
            }
        }
        self.pools.lock().reset(&held);
        Ok(())
    }
}
