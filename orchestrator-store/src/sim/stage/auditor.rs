//! The watch of everything that each member has while it lives.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::store::{KeyRange, StoreError, WatchRequest, WatchUpdate};

use super::Stage;
use super::member::{Life, Member};
use crate::sim::history::Seen;

/// How long to wait before a watch that was refused is asked for again.
const AGAIN: Duration = Duration::from_millis(20);

/// Watches everything from where the life before stopped.
pub(super) async fn run(stage: Arc<Stage>, member: Arc<Member>, life: Arc<Life>) {
    loop {
        tokio::select! {
            biased;
            () = life.ended() => return,
            () = watch(&stage, &member, &life) => {}
        }
        stage.env.sleep(AGAIN).await;
    }
}

async fn watch(stage: &Stage, member: &Member, life: &Life) {
    let from = member.audited();
    let request = WatchRequest::new(KeyRange::prefix(""), from);
    let mut stream = match life.env.hosted(life.store.watch(request.clone())).await {
        Ok(stream) => stream,
        Err(StoreError::Compacted { oldest, .. }) => {
            stage.note(format_args!("auditor {} continues from {oldest}", member.place));
            return member.set_audited(oldest);
        }
        Err(_) => return,
    };
    let watch = {
        let at = stage.at();
        let mut record = stage.record.lock();
        let watch = record.history.watch(member.place, request.keys, from, at);
        record.history.watches[watch].auditor = true;
        watch
    };
    while let Some(Ok(update)) = life.env.hosted(stream.next()).await {
        if let WatchUpdate::Events { revision, .. } = &update {
            stage.note(format_args!("auditor {} {revision}", member.place));
            member.set_audited(revision.next());
        }
        stage.item(watch, Seen::from(update));
    }
}
