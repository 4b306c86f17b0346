//! The program through its public face: real processes, real clients, recorded answers.
//!
//! Each test starts `orchestrator` on a free port in a folder of its own. What needs a program or
//! recorded facts that are not on this machine says so and passes.

mod facts;
mod faults;
mod kubectl;
mod python;
mod server;
mod transcripts;
mod up;
