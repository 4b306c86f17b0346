//! `orchestrator server`: the API, and any of the other parts beside it.

use std::collections::BTreeSet;
use std::sync::Arc;

use orchestrator::Part;
use orchestrator::cluster::ServeOptions;
use orchestrator::core::BoxError;
use orchestrator::core::resource::Network;

use super::access;
use super::cluster::{Shape, builder};
use super::etcd::{self, Face};
use super::termination;
use crate::UsageError;
use crate::args::{Part as Named, RuntimeKind, Server};

pub async fn run(mut server: Server) -> Result<(), BoxError> {
    if !server.parts.contains(&Named::Apiserver) {
        let why = "a server serves the API, so --parts must name apiserver; use `orchestrator \
                   controllers`, `scheduler` or `agent` to run a part against another server";
        return Err(UsageError(why.into()).into());
    }
    let face_options = etcd::options(&server.face_tls)?;
    if let Some(listen) = server.etcd_listen {
        etcd::announce(&mut server.engine.raft, listen, &face_options);
    }
    let parts: BTreeSet<Part> = server.parts.iter().filter_map(part).collect();
    let local = parts.contains(&Part::Nodes);
    let shape = Shape {
        parts,
        runtime: server.runtime,
        nodes: server.nodes,
        network: network(server.service_cidr, server.pod_cidr, local, server.runtime),
        data_dir: &server.listen.data_dir,
        engine: server.engine,
        static_pods: server.static_pods,
        containers: server.containers,
        keep_pods: true,
    };
    let access = access::read(&server.access)?;
    let mut end = std::pin::pin!(termination());
    // A member of several waits here until there are enough of them.
    let cluster = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        started = builder(shape)?.access(access).start() => started?,
    };
    let serving = cluster.serve(ServeOptions { bind: server.listen.bind }).await?;
    let face = match (server.etcd_listen, cluster.operator()) {
        (Some(listen), Some(store)) => {
            Some(Face::start(listen, face_options, Arc::clone(store), cluster.env()).await?)
        }
        _ => None,
    };
    tokio::select! {
        biased;
        () = &mut end => {}
        () = cluster.ready() => {
            println!("ready {}", serving.url());
            end.await;
        }
    }
    if let Some(face) = face {
        face.shutdown().await;
    }
    serving.shutdown().await;
    cluster.shutdown().await;
    Ok(())
}

/// The addresses that were asked for; else loopback ones where this process runs pods, and those of
/// kube-apiserver where others do.
fn network(
    services: Option<String>,
    pods: Option<String>,
    local: bool,
    runtime: RuntimeKind,
) -> Network {
    let default = match local {
        true => super::cluster::network(runtime),
        false => Network {
            service_cidr: "10.0.0.0/24".into(),
            pod_cidr: "10.244.0.0/16".into(),
            ..Network::default()
        },
    };
    Network {
        service_cidr: services.unwrap_or(default.service_cidr),
        pod_cidr: pods.unwrap_or(default.pod_cidr),
        ..Network::default()
    }
}

fn part(named: &Named) -> Option<Part> {
    match named {
        Named::Apiserver => None,
        Named::Controllers => Some(Part::Controllers),
        Named::Scheduler => Some(Part::Scheduler),
        Named::Node => Some(Part::Nodes),
    }
}
