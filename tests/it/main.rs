//! The library through its public face: whole planes in virtual time, kube-rs as a client.

mod custom_resources;
mod determinism;
mod kube_client;
mod lifecycle;
mod plane;
mod restart;
mod scale;
mod scheduling;
