//! A member of a store of several, from the command line.

use std::path::Path;
use std::sync::Arc;

use orchestrator::core::{BoxError, Env};
use orchestrator::store::mvcc::Mvcc;
use orchestrator::store::raft::InitialMember;
use orchestrator::store::raft::network::{GrpcTransport, PeerTls};
use orchestrator::store::{Limits, Operator, RaftStore};

use super::open::read;
use crate::UsageError;
use crate::args::{Founding, Peer, Raft};

/// Starts this member: it goes on, begins a store with others, or joins them. Returns once there is
/// a leader.
pub async fn open(
    raft: &Raft,
    folder: &Path,
    limits: Limits,
    env: &Env,
) -> Result<Arc<dyn Operator>, BoxError> {
    let name = name(&raft.founding)?;
    let listen = raft.peer_listen;
    let transport = GrpcTransport::bind(env.clone(), listen);
    let mut transport = transport.map_err(|why| {
        UsageError(format!("cannot listen for other members on {listen}: {why}").into())
    })?;
    if let Some(tls) = tls(raft)? {
        transport = transport.tls(tls).map_err(|why| UsageError(why.into()))?;
    }
    let mut builder = RaftStore::builder()
        .name(name)
        .peer_url(own_url(raft, name))
        .initial(numbered(&raft.founding.members))
        .join(raft.join.iter().cloned())
        .learner(raft.learner)
        .limits(limits);
    if let Some(url) = &raft.client_url {
        builder = builder.client_url(url);
    }
    let store = builder.start_path(folder, Arc::new(transport), env.clone()).await?;
    store.led().await;
    Ok(Arc::new(store))
}

/// Makes a first member of `state` in the empty `folder`.
pub async fn restore(
    founding: &Founding,
    folder: &Path,
    state: Mvcc,
    env: &Env,
) -> Result<(), BoxError> {
    let name = name(founding)?;
    let builder = RaftStore::builder().name(name).initial(numbered(&founding.members));
    Ok(builder.restore_path(folder, state, env).await?)
}

/// This member's name: where several begin, it has to be said which of them this is.
fn name(founding: &Founding) -> Result<&str, BoxError> {
    match (&founding.member_name, founding.members.as_slice()) {
        (Some(name), members)
            if members.is_empty() || members.iter().any(|member| member.name == *name) =>
        {
            Ok(name)
        }
        (Some(name), _) => Err(UsageError(format!("no --member is called {name:?}").into()).into()),
        (None, [only]) => Ok(&only.name),
        (None, _) => Err(UsageError("say by --member-name which member this is".into()).into()),
    }
}

/// Where the others reach this member.
fn own_url(raft: &Raft, name: &str) -> String {
    let scheme = if raft.peer_cert.is_some() { "https" } else { "http" };
    let said =
        raft.founding.members.iter().find(|member| member.name == name).map(|m| m.url.clone());
    let url = raft.peer_url.clone().or(said);
    url.unwrap_or_else(|| format!("{scheme}://{}", raft.peer_listen))
}

/// The members that begin, numbered in the order of their names, so that all of them agree.
fn numbered(members: &[Peer]) -> Vec<InitialMember> {
    let mut members: Vec<&Peer> = members.iter().collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let number = |(id, member): (u64, &Peer)| InitialMember::new(id, &member.name, &member.url);
    (1..).zip(members).map(number).collect()
}

fn tls(raft: &Raft) -> Result<Option<PeerTls>, BoxError> {
    match (&raft.peer_ca, &raft.peer_cert, &raft.peer_key) {
        (Some(authority), Some(certificate), Some(key)) => {
            Ok(Some(PeerTls::new(read(authority)?, read(certificate)?, read(key)?)))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn raft(arguments: &[&str]) -> Raft {
        let words = ["orchestrator", "etcd", "--store", "raft"];
        let cli = Cli::try_parse_from(words.iter().chain(arguments)).unwrap();
        let Command::Etcd(serve) = cli.command else { panic!("etcd") };
        serve.engine.raft
    }

    #[test]
    fn every_member_numbers_all_alike_and_knows_itself() {
        let a = raft(&["--member-name=a", "--member=b=http://h:2,a=http://h:1"]);
        let b = raft(&["--member-name=b", "--member=a=http://h:1", "--member=b=http://h:2"]);
        assert_eq!(numbered(&a.founding.members), numbered(&b.founding.members));
        assert_eq!((name(&b.founding).unwrap(), own_url(&b, "b")), ("b", "http://h:2".to_owned()));
        assert_eq!(name(&raft(&["--member=x=http://h:1"]).founding).unwrap(), "x");
        assert!(name(&raft(&["--member=a=http://h:1,b=http://h:2"]).founding).is_err());
        assert!(name(&raft(&["--member-name=c", "--member=a=http://h:1"]).founding).is_err());
    }

    #[test]
    fn one_that_joins_is_reached_where_it_listens_unless_it_says_otherwise() {
        let joins = raft(&["--member-name=d", "--join=http://h:1", "--peer-listen=10.0.0.4:2380"]);
        assert_eq!(own_url(&joins, "d"), "http://10.0.0.4:2380");
        let said = raft(&["--member-name=d", "--join=http://h:1", "--peer-url=http://d:1"]);
        assert_eq!(own_url(&said, "d"), "http://d:1");
    }
}
