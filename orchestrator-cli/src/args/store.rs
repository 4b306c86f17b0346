//! `orchestrator store ...` and `orchestrator etcd`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::engine::{Engine, Etcd, Founding};
use super::face::FaceTls;
use super::member::Member;
use crate::store::StoreUrl;

/// What stores are named by, in the help of every command that takes one.
const URLS: &str = "Stores are named by URLs:
  durable:PATH          the files of the durable engine, while no process uses them
  raft:PATH             the files of a member of several, only for `restore`
  etcd://HOST:PORT,...  a running etcd; a server with --etcd-listen, whatever its engine
  etcds://HOST:PORT,... the same over TLS";

#[derive(Debug, Subcommand)]
pub enum Store {
    /// Tell how a store is: revisions, sizes, members, alarms.
    #[command(after_help = URLS)]
    Status(One),
    /// Write the whole store, as it is at one revision, into a file.
    #[command(after_help = URLS)]
    Snapshot(Snapshot),
    /// Fill a store from the file of a snapshot.
    #[command(after_help = URLS)]
    Restore(Restore),
    /// Copy all keys of one store into another, and check that they arrived.
    #[command(after_help = URLS)]
    Migrate(Migrate),
    /// Forget old revisions.
    #[command(after_help = URLS)]
    Compact(Compact),
    /// Tell who the members are, and change that.
    #[command(subcommand)]
    Member(Member),
}

#[derive(Args, Debug)]
pub struct One {
    /// The store.
    #[arg(default_value = "durable:orchestrator-data/store", value_name = "URL")]
    pub store: StoreUrl,

    /// Answer with one JSON object.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub etcd: Etcd,
}

#[derive(Args, Debug)]
pub struct Snapshot {
    /// The store.
    #[arg(long, default_value = "durable:orchestrator-data/store", value_name = "URL")]
    pub from: StoreUrl,

    /// The file; it appears once it is complete.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    #[command(flatten)]
    pub etcd: Etcd,
}

#[derive(Args, Debug)]
pub struct Restore {
    /// The file of a snapshot.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The store to fill, which must be empty. With `raft:DIR` a member of several is made, to be
    /// started later; all that the store begins with are made so, each where it will run.
    #[arg(long, default_value = "durable:orchestrator-data/store", value_name = "URL")]
    pub to: StoreUrl,

    #[command(flatten)]
    pub founding: Founding,

    /// Take away first whatever the store holds.
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub etcd: Etcd,
}

#[derive(Args, Debug)]
pub struct Migrate {
    /// The store to read, which is not changed.
    #[arg(long, value_name = "URL")]
    pub from: StoreUrl,

    /// The store to fill, which must be empty.
    #[arg(long, value_name = "URL")]
    pub to: StoreUrl,

    /// Take away first whatever the target holds.
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub etcd: Etcd,
}

#[derive(Args, Debug)]
pub struct Compact {
    /// The store.
    #[arg(default_value = "durable:orchestrator-data/store", value_name = "URL")]
    pub store: StoreUrl,

    /// Forget what is older than this revision; the newest where it is not given.
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<u64>,

    #[command(flatten)]
    pub etcd: Etcd,
}

/// The etcd face alone.
#[derive(Args, Debug)]
pub struct Serve {
    /// Where to serve etcd's API; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:2379", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Where the data are kept.
    #[arg(long, default_value = "orchestrator-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Forget every so many minutes what is older than that; without it, clients compact.
    #[arg(long, value_name = "MINUTES")]
    pub auto_compaction: Option<NonZeroU32>,

    #[command(flatten)]
    pub tls: FaceTls,

    #[command(flatten)]
    pub engine: Engine,
}
