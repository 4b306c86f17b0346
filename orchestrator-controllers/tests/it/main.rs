//! The controllers against a real API server in this process, in virtual time.

mod certificates;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod garbage;
mod job;
mod leader;
mod manager;
mod namespace;
mod node;
mod plane;
mod quota;
mod replicaset;
mod rest;
mod scale;
mod service;
mod statefulset;
mod storm;
mod volume;
