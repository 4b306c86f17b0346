//! `orchestrator store member ...`.

use clap::{Args, Subcommand};

use super::engine::Etcd;
use crate::store::StoreUrl;

/// How members come, in the help of the commands about them.
const HELP: &str = "A new member joins by itself: start it with `--store raft --join URL`. It
follows first, and votes once it is in sync; with --learner it waits for `promote`. A member
that has lost its disk is removed, and joins again as a new one.

The store is named by its clients' addresses: etcd://HOST:PORT,... or etcds://HOST:PORT,...";

/// What there is to do about members.
#[derive(Debug, Subcommand)]
pub enum Member {
    /// List the members, and who leads.
    #[command(after_help = HELP)]
    List(Members),
    /// Expect a member, which follows without a vote until it is promoted.
    #[command(after_help = HELP)]
    Add(AddMember),
    /// Let a learner vote that is in sync.
    #[command(after_help = HELP)]
    Promote(OneMember),
    /// Take a member out, for good; its number is not used again.
    #[command(after_help = HELP)]
    Remove(OneMember),
    /// Change where the others reach a member.
    #[command(after_help = HELP)]
    Update(MoveMember),
    /// Hand leadership over to a member, as before its leader is stopped.
    #[command(after_help = HELP)]
    Lead(OneMember),
}

#[derive(Args, Debug)]
pub struct Members {
    /// The store.
    #[arg(value_name = "URL")]
    pub store: StoreUrl,

    #[command(flatten)]
    pub etcd: Etcd,
}

#[derive(Args, Debug)]
pub struct OneMember {
    #[command(flatten)]
    pub members: Members,

    /// The member: its name, or its number as `list` shows it.
    #[arg(value_name = "MEMBER")]
    pub member: String,
}

#[derive(Args, Debug)]
pub struct AddMember {
    #[command(flatten)]
    pub members: Members,

    /// What it is called.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Where the others will reach it.
    #[arg(value_name = "PEER-URL", required = true)]
    pub urls: Vec<String>,
}

#[derive(Args, Debug)]
pub struct MoveMember {
    #[command(flatten)]
    pub one: OneMember,

    /// Where the others reach it from now on.
    #[arg(value_name = "PEER-URL", required = true)]
    pub urls: Vec<String>,
}
