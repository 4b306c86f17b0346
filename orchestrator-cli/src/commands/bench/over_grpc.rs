//! Figures of stores behind sockets, ours beside etcd's.

use orchestrator::core::BoxError;

use super::Plan;
use super::figure::{Figure, Measured};
use super::load::{self, Load};
use super::server::{Kind, Servers};

/// A row: so many members, values of so many bytes.
pub struct Row {
    pub name: &'static str,
    members: usize,
    value_bytes: usize,
    target: &'static str,
}

pub const ROWS: [Row; 4] = [
    Row {
        name: "durable over gRPC, puts of 256 B",
        members: 1,
        value_bytes: 256,
        target: "3 x etcd; 20 us CPU",
    },
    Row {
        name: "durable over gRPC, puts of 1 KiB",
        members: 1,
        value_bytes: 1024,
        target: "3 x etcd; 20 us CPU",
    },
    Row {
        name: "raft of three over gRPC, puts of 256 B",
        members: 3,
        value_bytes: 256,
        target: "2 x etcd; lower p99",
    },
    Row {
        name: "raft of three over gRPC, puts of 1 KiB",
        members: 3,
        value_bytes: 1024,
        target: "2 x etcd; lower p99",
    },
];

pub async fn measure(row: &Row, plan: &Plan<'_>) -> Result<Figure, BoxError> {
    let ours = side(Kind::Ours, row, plan).await?;
    let etcd = match plan.with_etcd {
        true => Some(side(Kind::Etcd, row, plan).await?),
        false => None,
    };
    Ok(Figure { what: row.name, unit: "puts/s", ours, etcd, target: row.target })
}

async fn side(kind: Kind, row: &Row, plan: &Plan<'_>) -> Result<Measured, BoxError> {
    let folder = plan.folder.join(format!("{kind:?}-{}-{}", row.members, row.value_bytes));
    let servers = Servers::start(kind, row.members, &folder).await?;
    let load =
        Load { clients: plan.clients, value_bytes: row.value_bytes, servers: &servers.addresses };
    load::puts(&load, plan.time / 5).await?;
    let before = servers.cpu()?;
    let done = load::puts(&load, plan.time).await?;
    let cpu = servers.cpu()?.saturating_sub(before);
    servers.stop().await;
    std::fs::remove_dir_all(&folder)?;
    let puts = done.latencies.len() as f64;
    Ok(Measured {
        value: puts / done.took.as_secs_f64(),
        latency: Some(done.latencies.percentiles()),
        cpu_us: Some(cpu.as_secs_f64() * 1e6 / puts.max(1.0)),
    })
}
