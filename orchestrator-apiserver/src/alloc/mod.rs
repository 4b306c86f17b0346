//! Addresses and ports that the server hands out to services.
//!
//! The truth is in the store: a `claim` for everything that a service holds, written and removed
//! in the transaction that writes or removes the service. Any number of servers on one store can
//! hand out at the same time; two of them never hand out the same.
//!
//! What is known to be taken is kept as two sets, so that drawing a free number reads nothing. A
//! [`Reservation`] takes from them before a write, and gives back what a write that fails leaves
//! unused. The sets may lag behind what other servers do: the transaction finds that out, the set
//! is corrected, and the write is tried again with another number.

mod addresses;
mod claim;
mod draft;
mod load;
mod pool;
mod ports;
mod reservation;

pub(crate) use reservation::{Reservation, given_up, hands_out};

use std::net::IpAddr;

use orchestrator_core::object::Object;
use orchestrator_core::resource::Network;
use orchestrator_core::{Env, GroupVersionResource, Json, Status};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::pipeline::Cx;
use crate::registry::Objects;
use crate::server::ApiServer;
use pool::Pool;

/// What has been handed out to services.
#[derive(Debug)]
pub(crate) struct Services {
    pools: Mutex<Pools>,
    /// Whether the stored services have been read.
    loaded: OnceCell<()>,
}

/// The two sets.
#[derive(Debug)]
pub(crate) struct Pools {
    pub(crate) addresses: Pool,
    pub(crate) ports: Pool,
}

/// What one service holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ports: Vec<u16>,
}

impl Services {
    pub(crate) fn new(network: &Network) -> Self {
        let pools = Pools {
            addresses: addresses::pool(&network.service_cidr),
            ports: ports::pool(network.node_ports),
        };
        Self { pools: Mutex::new(pools), loaded: OnceCell::new() }
    }

    /// The sets, read from the store before they are first used.
    async fn pools(&self, objects: &Objects, env: &Env) -> Result<&Mutex<Pools>, Status> {
        self.loaded.get_or_try_init(|| self.load(objects, env)).await?;
        Ok(&self.pools)
    }

    /// Looks up which of `wanted`, thought to be taken, others have given back since.
    async fn look_again(&self, objects: &Objects, wanted: &Held) -> Result<(), Status> {
        for one in wanted.one_by_one() {
            let is_taken = self.pools.lock().has(&one);
            for key in claim::keys(&one).into_iter().filter(|_| is_taken) {
                if objects.read(key).await?.is_none() {
                    self.pools.lock().free(&one);
                }
            }
        }
        Ok(())
    }

    /// Hands out from those further ranges too that are ready, and from no others.
    async fn widen(&self, objects: &Objects, main: &str) -> Result<(), Status> {
        let gvr = GroupVersionResource::new("networking.k8s.io", "v1", "servicecidrs");
        let mut more = Vec::new();
        for item in objects.list(&gvr, "").await? {
            let tree = item.tree().map_err(Status::internal)?;
            if tree.deletion_timestamp().is_some() || !is_ready(tree) {
                continue;
            }
            let cidrs = tree.at(&["spec", "cidrs"]).and_then(Json::as_array);
            let cidrs = cidrs.into_iter().flatten().filter_map(Json::as_str);
            // A pool is of one family.
            let others = cidrs.filter(|c| *c != main && c.contains(':') == main.contains(':'));
            more.extend(others.filter_map(addresses::span));
        }
        self.pools.lock().addresses.widen(more);
        Ok(())
    }

    /// Gives back what a deleted service held.
    pub(crate) fn release(&self, cx: &Cx<'_>, old: &Object) {
        if is_service(cx) {
            self.pools.lock().free(&Held::by(old));
        }
    }

    /// The first address of the range, which belongs to the API itself.
    pub(crate) fn first_address(server: &ApiServer) -> Option<IpAddr> {
        addresses::first(&server.network.service_cidr)
    }
}

/// Whether the range of a `ServiceCIDR` may be handed out from.
fn is_ready(range: &Object) -> bool {
    let conditions = range.at(&["status", "conditions"]).and_then(Json::as_array);
    let is = |condition: &Json, name: &str, value: &str| condition[name].as_str() == Some(value);
    conditions.into_iter().flatten().any(|c| is(c, "type", "Ready") && is(c, "status", "True"))
}

/// Whether the request is about services.
fn is_service(cx: &Cx<'_>) -> bool {
    cx.resource.def.gvr.resource == "services" && cx.resource.def.gvr.group.is_empty()
}

impl Pools {
    /// Notes what is held already; two services that hold the same are a fact to live with.
    fn mark(&mut self, held: &Held) {
        for address in &held.addresses {
            self.addresses.take(addresses::number(*address));
        }
        for port in &held.ports {
            self.ports.take(u128::from(*port));
        }
    }

    /// Whether anything of `held` is taken.
    fn has(&self, held: &Held) -> bool {
        held.addresses.iter().any(|ip| self.addresses.is_taken(addresses::number(*ip)))
            || held.ports.iter().any(|port| self.ports.is_taken(u128::from(*port)))
    }

    /// Whether an address of `held` is not in the first range: the others may have changed.
    fn is_outside(&self, held: &Held) -> bool {
        held.addresses.iter().any(|ip| !self.addresses.is_main(addresses::number(*ip)))
    }

    /// Takes `held` for all that is taken.
    fn reset(&mut self, held: &Held) {
        self.addresses.free_all();
        self.ports.free_all();
        self.mark(held);
    }

    fn free(&mut self, held: &Held) {
        held.addresses.iter().for_each(|ip| self.addresses.free(addresses::number(*ip)));
        held.ports.iter().for_each(|port| self.ports.free(u128::from(*port)));
    }
}

impl Held {
    /// What a service holds by its own words.
    pub(crate) fn by(service: &Object) -> Self {
        let all = service.at(&["spec", "clusterIPs"]).and_then(Json::as_array);
        let texts = all.into_iter().flatten().filter_map(Json::as_str);
        let addresses = texts.filter_map(|text| text.parse().ok()).collect();
        let port = |port: &Json| port.get("nodePort").and_then(Json::as_u64);
        let mut ports: Vec<u16> = service
            .at(&["spec", "ports"])
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(port)
            .chain(service.at(&["spec", "healthCheckNodePort"]).and_then(Json::as_u64))
            .filter_map(|port| u16::try_from(port).ok().filter(|port| *port != 0))
            .collect();
        // TCP and UDP may share a number.
        ports.sort_unstable();
        ports.dedup();
        Self { addresses, ports }
    }

    /// The same in parts, each of one address or port.
    fn one_by_one(&self) -> impl Iterator<Item = Self> {
        let addresses = self.addresses.iter();
        let addresses = addresses.map(|ip| Self { addresses: vec![*ip], ..Self::default() });
        let ports = self.ports.iter().map(|port| Self { ports: vec![*port], ..Self::default() });
        addresses.chain(ports)
    }

    /// Adds what `other` holds.
    fn add(&mut self, mut other: Self) {
        self.addresses.append(&mut other.addresses);
        self.ports.append(&mut other.ports);
    }

    /// Whether it is nothing.
    fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.ports.is_empty()
    }

    /// What of this `other` does not hold.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let addresses = self.addresses.iter().filter(|ip| !other.addresses.contains(ip));
        let ports = self.ports.iter().filter(|port| !other.ports.contains(port));
        Self { addresses: addresses.copied().collect(), ports: ports.copied().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_holds_what_its_spec_names() {
        let service: Object = serde_json::from_value(json!({"spec": {
            "clusterIPs": ["10.0.0.5", "None"],
            "ports": [{"nodePort": 30002}, {"nodePort": 30001}, {"nodePort": 30001}, {"port": 1}],
            "healthCheckNodePort": 30003,
        }}))
        .unwrap();
        let held = Held::by(&service);
        assert_eq!(held.addresses, ["10.0.0.5".parse::<IpAddr>().unwrap()]);
        assert_eq!(held.ports, [30001, 30002, 30003]);
        let less = Held { ports: vec![30002], ..Held::default() };
        assert_eq!(held.minus(&less).ports, [30001, 30003]);
    }
}
