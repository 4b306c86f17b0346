//! The face over engines of more than this process: members that agree by Raft, and a real etcd.

mod commands;
mod compaction;
mod leaders;
mod members;
mod relayed;
