//! The controllers against a real API server in this process, in virtual time.

mod cronjob;
mod deployment;
mod garbage;
mod job;
mod leader;
mod manager;
mod namespace;
mod node;
mod plane;
mod replicaset;
mod service;
