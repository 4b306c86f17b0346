//! A service that is being filled in with what it leaves to the server.

use orchestrator_core::field::{FieldError, FieldErrors, Path};
use orchestrator_core::object::Object;
use orchestrator_core::{Env, Json};
use serde_json::json;

use super::{Held, Pools, addresses};

/// The port that a dry run shows: none that could be handed out, so that nobody relies on it.
const DRY_RUN_PORT: u16 = 32769;

/// A service being filled in.
pub(super) struct Draft<'d> {
    pub(super) pools: &'d mut Pools,
    pub(super) env: &'d Env,
    /// What the service held before.
    pub(super) held: &'d Held,
    pub(super) taken: Held,
    pub(super) cidr: &'d str,
    pub(super) node_ports: (u16, u16),
    pub(super) dry_run: bool,
}

impl Draft<'_> {
    pub(super) fn fill(&mut self, service: &mut Object) -> Result<(), FieldErrors> {
        self.fill_address(service)?;
        self.fill_ports(service)
    }

    fn fill_address(&mut self, service: &mut Object) -> Result<(), FieldErrors> {
        let named = service.text_at(&["spec", "clusterIP"]).to_owned();
        if service.text_at(&["spec", "type"]) == "ExternalName" || named == "None" {
            return Ok(());
        }
        if named.is_empty() {
            // A dry run draws no lot, so that two of them answer the same.
            let spread = if self.dry_run { 1 } else { self.pools.addresses.spread() };
            let start = u128::from(self.env.random_below(spread));
            let Some(number) = self.pools.addresses.take_next(start) else {
                let path = Path::new("spec");
                let why = "failed to allocate a serviceIP: range is full";
                return Err(vec![FieldError::internal(&path.child("clusterIPs"), why)]);
            };
            let address = addresses::address(number, self.cidr.contains(':'));
            self.taken.addresses.push(address);
            let spec = service.map_mut("spec");
            spec.insert("clusterIP".into(), Json::from(address.to_string()));
            spec.insert("clusterIPs".into(), json!([address.to_string()]));
            return Ok(());
        }
        let Ok(address) = named.parse() else { return Ok(()) };
        if self.held.addresses.contains(&address) {
            return Ok(());
        }
        let number = addresses::number(address);
        let why = if !self.pools.addresses.contains(number) {
            match self.dry_run {
                true => format!(
                    "the provided IP ({address}) is not in the valid range. The range of valid \
                     IPs is {}",
                    self.cidr
                ),
                false => "the provided network does not match the current range".to_owned(),
            }
        } else if self.dry_run {
            return Ok(());
        } else if self.pools.addresses.take(number) {
            self.taken.addresses.push(address);
            return Ok(());
        } else {
            "provided IP is already allocated".to_owned()
        };
        let why = format!("failed to allocate IP {address}: {why}");
        let all = service.at(&["spec", "clusterIPs"]).cloned().unwrap_or_else(|| json!([named]));
        let path = Path::new("spec");
        Err(vec![FieldError::invalid(&path.child("clusterIPs"), &all, why)])
    }

    fn fill_ports(&mut self, service: &mut Object) -> Result<(), FieldErrors> {
        let wanted = match service.text_at(&["spec", "type"]) {
            "NodePort" => true,
            "LoadBalancer" => service
                .at(&["spec", "allocateLoadBalancerNodePorts"])
                .is_none_or(|flag| flag.as_bool() != Some(false)),
            _ => return Ok(()),
        };
        let needs_check = service.text_at(&["spec", "type"]) == "LoadBalancer"
            && service.text_at(&["spec", "externalTrafficPolicy"]) == "Local";
        let spec = service.map_mut("spec");
        let ports = spec.get_mut("ports").and_then(Json::as_array_mut);
        // A number that one port of the service has may serve the other protocol too.
        let mut own: Vec<(u16, String, u64)> = Vec::new();
        for (i, port) in ports.into_iter().flatten().enumerate() {
            let Json::Object(port) = port else { continue };
            let protocol = port.get("protocol").and_then(Json::as_str).unwrap_or("TCP").to_owned();
            let inner = port.get("port").and_then(Json::as_u64).unwrap_or_default();
            let named = port.get("nodePort").and_then(Json::as_u64).unwrap_or_default();
            let number = match u16::try_from(named).unwrap_or(u16::MAX) {
                0 if !wanted => continue,
                0 => match own.iter().find(|(_, p, n)| *n == inner && *p != protocol) {
                    Some((number, ..)) => *number,
                    None => self.draw(&own)?,
                },
                number => {
                    let shared = own.iter().any(|(n, p, _)| *n == number && *p != protocol);
                    if !shared {
                        self.take(number, i, &own)?;
                    }
                    number
                }
            };
            port.insert("nodePort".into(), Json::from(number));
            own.push((number, protocol, inner));
        }
        if needs_check && spec.get("healthCheckNodePort").and_then(Json::as_u64).unwrap_or(0) == 0 {
            let number = self.draw(&own)?;
            spec.insert("healthCheckNodePort".into(), Json::from(number));
        }
        Ok(())
    }

    /// Takes any free port.
    fn draw(&mut self, own: &[(u16, String, u64)]) -> Result<u16, FieldErrors> {
        if self.dry_run {
            let highest = own.iter().map(|(number, ..)| *number).max().unwrap_or_default();
            return Ok(DRY_RUN_PORT.max(highest.saturating_add(1)));
        }
        let start = u128::from(self.env.random_below(self.pools.ports.spread()));
        let drawn = self.pools.ports.take_next(start).and_then(|port| u16::try_from(port).ok());
        let Some(port) = drawn else {
            let (spec, why) = (Path::new("spec"), "failed to allocate a nodePort: range is full");
            return Err(vec![FieldError::internal(&spec.child("ports"), why)]);
        };
        self.taken.ports.push(port);
        Ok(port)
    }

    /// Takes the port that the service names.
    fn take(
        &mut self,
        number: u16,
        index: usize,
        own: &[(u16, String, u64)],
    ) -> Result<(), FieldErrors> {
        let twice = own.iter().any(|(port, ..)| *port == number);
        if self.held.ports.contains(&number) && !twice {
            return Ok(());
        }
        let why = if !self.pools.ports.contains(u128::from(number)) {
            let (first, last) = self.node_ports;
            format!(
                "provided port is not in the valid range. The range of valid ports is \
                 {first}-{last}"
            )
        } else if !twice && (self.dry_run || self.pools.ports.take(u128::from(number))) {
            if !self.dry_run {
                self.taken.ports.push(number);
            }
            return Ok(());
        } else {
            "provided port is already allocated".to_owned()
        };
        let spec = Path::new("spec");
        let ports = spec.child("ports");
        let port = ports.index(index);
        Err(vec![FieldError::invalid(&port.child("nodePort"), &Json::from(number), why)])
    }
}
