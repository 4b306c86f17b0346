//! The program through its public face: real processes, real clients, recorded answers.
//!
//! Each test starts `orchestrator` on a free port in a folder of its own. What needs a program or
//! recorded facts that are not on this machine says so and passes.

mod agent;
mod containers;
mod disks;
mod facts;
mod faults;
mod kubectl;
mod members;
mod python;
mod scheduling;
mod server;
mod store_durable;
mod store_face;
mod store_links;
mod store_members;
mod store_raft;
mod store_server;
mod store_several;
mod store_tools;
mod transcripts;
mod up;
