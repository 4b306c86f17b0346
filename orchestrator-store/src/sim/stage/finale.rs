//! After the plan: all is healed, and what must then be possible is asked for.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::store::{KeyRange, Op, Put, Range, Revision, Txn};

use super::Stage;
use super::client::{Client, unique};
use super::member::{Life, Member};
use crate::operator::{AlarmOp, Operator};
use crate::sim::coverage::Thing;
use crate::sim::disk::DiskFault;
use crate::sim::history::{Answer, Request};

/// How long healing may take: elections, recoveries, snapshots.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait between two attempts.
const AGAIN: Duration = Duration::from_millis(100);

/// Heals everything, and checks that all members work, that leases end and watches arrive.
pub(super) async fn run(stage: &Arc<Stage>, number: usize) {
    stage.note(format_args!("finale"));
    heal(stage).await;
    let mut client = Client::new(Arc::clone(stage), number);
    let mut attempt = 0;
    for member in stage.members.iter().filter(|member| member.is_expected()) {
        let write = |attempt| {
            let value = unique(number, attempt, 16);
            Request::Txn(Txn { then: vec![Op::Put(Put::new("k/last", value))], ..Txn::default() })
        };
        attempt = succeed(stage, &mut client, member, attempt, "write", write).await;
        let read = |serializable| {
            move |_| Request::Range(Range { serializable, ..Range::new(KeyRange::prefix("")) })
        };
        attempt = succeed(stage, &mut client, member, attempt, "read", read(false)).await;
        attempt = succeed(stage, &mut client, member, attempt, "local read", read(true)).await;
    }
    leases_end(stage, &mut client).await;
    watches_arrive(stage).await;
    images_agree(stage).await;
}

async fn heal(stage: &Arc<Stage>) {
    stage.network.heal();
    for member in &stage.members {
        member.disk.plan(DiskFault::Room(None));
        member.disk.plan(DiskFault::None);
        member.calm();
        // A process that a disk has failed has ended, or stands still until it is ended.
        if member.is_failed(stage.engine.is_cluster()) {
            member.kill(AGAIN);
        }
    }
    stage.env.sleep(AGAIN).await;
}

/// Clears all alarms, as an operator does once there is room.
pub(super) async fn clear_alarms(life: &Life) {
    let alarms = life.env.hosted(life.store.alarm(AlarmOp::List)).await;
    for alarm in alarms.unwrap_or_default() {
        let _ = life.env.hosted(life.store.alarm(AlarmOp::Clear(alarm))).await;
    }
}

/// Asks a member until it does what it is asked for; returns the number of the next attempt.
async fn succeed(
    stage: &Arc<Stage>,
    client: &mut Client,
    member: &Member,
    first: u32,
    what: &str,
    request: impl Fn(u32) -> Request,
) -> u32 {
    let deadline = stage.at() + PATIENCE;
    for attempt in first.. {
        if let Some(life) = member.life() {
            if client.call(member.place, &life, request(attempt)).await {
                return attempt + 1;
            }
            // One that was on its way may be raised after another was cleared.
            clear_alarms(&life).await;
        }
        // It may find out only now that its disk is not what it was.
        if !member.is_expected() {
            return attempt + 1;
        }
        if stage.at() > deadline {
            let detail = format!("member {} does no {what} after healing", member.place);
            stage.violation("progress", detail);
            return attempt + 1;
        }
        stage.env.sleep(AGAIN).await;
    }
    first
}

/// Every lease ends, for nobody keeps it alive.
async fn leases_end(stage: &Arc<Stage>, client: &mut Client) {
    let Some(member) = stage.members.iter().find(|member| member.is_expected()) else { return };
    let deadline = stage.at() + PATIENCE;
    let leased = Range::new(KeyRange::prefix("lease/"));
    while let Some(life) = member.life() {
        client.call(member.place, &life, Request::Range(leased.clone())).await;
        let last = stage.record.lock().history.calls.last().map(|call| call.answer.clone());
        if matches!(last, Some(Answer::Range(found)) if found.count == 0) {
            return;
        }
        if stage.at() > deadline {
            stage.violation("lease late", "keys outlive their leases".to_owned());
            return;
        }
        stage.env.sleep(2 * AGAIN).await;
    }
}

/// All members hold the same, to the last byte of an image.
async fn images_agree(stage: &Arc<Stage>) {
    let deadline = stage.at() + PATIENCE;
    let members: Vec<_> = stage.members.iter().filter(|member| member.is_expected()).collect();
    if members.len() < 2 {
        return;
    }
    loop {
        let mut images = Vec::new();
        for member in &members {
            let Some(life) = member.life() else { continue };
            if let Some(image) = life.env.hosted(image(&*life.store)).await {
                images.push(image);
            }
        }
        // A member may be a moment behind, or the last lease end in between.
        let all = images.len() == members.len();
        if all && images.windows(2).all(|two| two[0].0 == two[1].0) {
            let differs = images.iter().position(|image| image.1 != images[0].1);
            stage.note(format_args!("images {images:?}"));
            match differs.map(|index| members[index].place) {
                Some(place) => {
                    let detail = format!("that of member {place} is another: {images:?}");
                    stage.violation("images agree", detail);
                }
                None => images.iter().skip(1).for_each(|_| stage.saw(Thing::ImageAgreed)),
            }
            return;
        }
        if stage.at() > deadline {
            return stage.violation("images agree", format!("no two of one state: {images:?}"));
        }
        stage.env.sleep(AGAIN).await;
    }
}

/// How much is applied, and what the image of it is.
async fn image(store: &dyn Operator) -> Option<(u64, u32)> {
    let before = store.engine().await.ok()?.applied;
    let mut image = store.image().await.ok()?;
    let mut sum = 0;
    while let Some(block) = image.next().await {
        sum = crc32c::crc32c_append(sum, &block.ok()?);
    }
    let after = store.engine().await.ok()?.applied;
    (before == after).then_some((after, sum))
}

/// Every auditor is given everything.
async fn watches_arrive(stage: &Arc<Stage>) {
    let answers = |stage: &Stage| {
        let record = stage.record.lock();
        record.history.calls.iter().filter_map(|call| call.answer.revision()).max()
    };
    let newest = answers(stage).unwrap_or(Revision::new(1));
    let deadline = stage.at() + PATIENCE;
    for member in stage.members.iter().filter(|member| member.is_expected()) {
        while member.audited() <= newest {
            if stage.at() > deadline {
                let given = member.audited();
                let detail = format!("member {} gave nothing from {given} on", member.place);
                stage.violation("watch reliable", detail);
                break;
            }
            stage.env.sleep(AGAIN).await;
        }
    }
}
