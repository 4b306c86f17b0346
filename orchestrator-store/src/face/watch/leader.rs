//! How long there is no leader.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::face::Face;

/// For how many election timeouts in a row there must be no leader.
const MISSES: u32 = 3;

/// Resolves when there has been no leader for three election timeouts; never where there is one
/// member, which always leads.
///
/// No engine tells of a change of leader, so this looks once per timeout, which is as precise as the
/// rule.
pub(super) fn lost(face: Arc<Face>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let mut misses = 0;
        while misses < MISSES {
            match face.store.members().await {
                Ok(now) if now.members.len() == 1 => std::future::pending().await,
                Ok(now) if now.leader.is_some() => misses = 0,
                _ => misses += 1,
            }
            face.env.sleep(face.options.election_timeout).await;
        }
    })
}
