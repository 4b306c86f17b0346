//! `orchestrator store status`.

use comfy_table::Table;
use indicatif::HumanBytes;
use orchestrator::core::store::StoreStatus;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::operator::{Alarm, AlarmOp, EngineStatus, Membership};
use serde_json::{Value, json};

use crate::args::One;
use crate::report::table;
use crate::store::existing;

/// All that is known of a store.
struct Known {
    store: StoreStatus,
    engine: EngineStatus,
    membership: Membership,
    alarms: Vec<Alarm>,
}

pub async fn run(one: One) -> Result<(), BoxError> {
    let operator = existing(&one.store, &one.etcd, &Env::system()).await?;
    let known = Known {
        store: operator.status().await?,
        engine: operator.engine().await?,
        membership: operator.members().await?,
        alarms: operator.alarm(AlarmOp::List).await?,
    };
    match one.json {
        true => println!("{}", as_json(&known)),
        false => {
            println!("{}\n\n{}", facts(&known), members(&known.membership));
            known.alarms.iter().for_each(|alarm| {
                println!("\nALARM of member {:x}: {:?}", alarm.member, alarm.kind);
            });
        }
    }
    Ok(())
}

fn facts(known: &Known) -> Table {
    let (store, engine) = (&known.store, &known.engine);
    let mut facts = table(&["WHAT", "VALUE"]);
    let mut fact = |name: &str, value: String| {
        facts.add_row([name, &value]);
    };
    fact("engine", store.engine.to_owned());
    fact("revision", store.revision.to_string());
    fact("oldest readable", store.compacted.to_string());
    fact("keys", store.keys.to_string());
    fact("data", HumanBytes(engine.data_bytes).to_string());
    fact("on disk", HumanBytes(engine.disk_bytes).to_string());
    fact("quota", quota(engine));
    fact("term", engine.term.to_string());
    fact("committed", engine.committed.to_string());
    fact("applied", engine.applied.to_string());
    facts
}

fn quota(engine: &EngineStatus) -> String {
    match engine.quota_bytes {
        0 => "none".to_owned(),
        quota => {
            let percent = engine.data_bytes.saturating_mul(100) / quota;
            format!("{} ({percent} % used)", HumanBytes(quota))
        }
    }
}

pub(super) fn members(membership: &Membership) -> Table {
    let mut members = table(&["MEMBER", "NAME", "ROLE", "PEERS REACH IT AT", "CLIENTS"]);
    for member in &membership.members {
        let role = match membership.leader {
            Some(leader) if leader == member.id => "leader",
            _ if member.learner => "learner",
            _ => "voter",
        };
        members.add_row([
            &format!("{:x}", member.id),
            &member.name,
            role,
            &member.peer_urls.join(" "),
            &member.client_urls.join(" "),
        ]);
    }
    members
}

fn as_json(known: &Known) -> Value {
    let (store, engine) = (&known.store, &known.engine);
    let member = |member: &orchestrator::store::operator::Member| {
        json!({
            "id": format!("{:x}", member.id),
            "name": member.name,
            "leader": known.membership.leader == Some(member.id),
            "learner": member.learner,
            "peerUrls": member.peer_urls,
            "clientUrls": member.client_urls,
        })
    };
    json!({
        "engine": store.engine,
        "revision": store.revision.get(),
        "compacted": store.compacted.get(),
        "keys": store.keys,
        "dataBytes": engine.data_bytes,
        "diskBytes": engine.disk_bytes,
        "quotaBytes": engine.quota_bytes,
        "term": engine.term,
        "committed": engine.committed,
        "applied": engine.applied,
        "cluster": format!("{:x}", known.membership.cluster),
        "members": known.membership.members.iter().map(member).collect::<Vec<_>>(),
        "alarms": known.alarms.iter().map(|alarm| format!("{:?}", alarm.kind)).collect::<Vec<_>>(),
    })
}
