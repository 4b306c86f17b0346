//! The names of a cluster.
//!
//! A name says where it belongs: `service.namespace.svc.<domain>` and the names below a service are
//! looked up by service, so a change of one service costs as much as that service has endpoints.

mod lookup;
mod question;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hickory_server::proto::rr::{Name, Record};
use orchestrator_core::ObjectKey;

pub use service::{EndpointNames, NamedPort, ServiceKind, ServiceNames};

/// How long resolvers may remember an answer, in seconds: services change, so not long.
const TTL: u32 = 5;

/// The names of a cluster and what they stand for.
#[derive(Clone, Debug)]
pub struct Zone {
    domain: Name,
    ttl: u32,
    servers: Vec<IpAddr>,
    services: BTreeMap<ObjectKey, ServiceNames>,
    namespaces: BTreeSet<String>,
    /// The names of each address: services, and endpoints with the services that they are of.
    addresses: BTreeMap<IpAddr, BTreeSet<String>>,
    serial: u32,
}

/// What a zone says to a question.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// The name is there; without records it has none of the type asked for.
    Found {
        /// The records asked for.
        records: Vec<Record>,
        /// Addresses of the names in them.
        additionals: Vec<Record>,
    },
    /// The name stands for another, whose records belong into the answer too.
    Alias {
        /// The CNAME.
        record: Box<Record>,
        /// The other name.
        target: Name,
    },
    /// There is no such name.
    NoName,
    /// The name is not of this cluster.
    Elsewhere,
}

impl Zone {
    /// A zone without services, below `domain` (`cluster.local`).
    ///
    /// # Errors
    /// `domain` is no domain name.
    pub fn new(domain: &str) -> Result<Self, hickory_server::proto::ProtoError> {
        let mut domain = Name::from_ascii(domain)?.to_lowercase();
        domain.set_fqdn(true);
        Ok(Self {
            domain,
            ttl: TTL,
            servers: Vec::new(),
            services: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            addresses: BTreeMap::new(),
            serial: 1,
        })
    }

    /// Sets how long answers may be remembered, in seconds.
    #[must_use]
    pub fn ttl(mut self, seconds: u32) -> Self {
        self.ttl = seconds;
        self
    }

    /// Names the addresses at which this zone is served.
    #[must_use]
    pub fn servers(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.servers = addresses.into_iter().collect();
        self
    }

    /// A service has these names now; none if it is gone.
    pub fn set_service(&mut self, key: &ObjectKey, names: Option<ServiceNames>) {
        if self.services.get(key) == names.as_ref() {
            return;
        }
        self.serial = self.serial.wrapping_add(1).max(1);
        if let Some(old) = self.services.remove(key) {
            for (ip, name) in old.addresses(key) {
                if let Some(names) = self.addresses.get_mut(&ip) {
                    names.remove(&name);
                    if names.is_empty() {
                        self.addresses.remove(&ip);
                    }
                }
            }
        }
        if let Some(names) = names {
            for (ip, name) in names.addresses(key) {
                self.addresses.entry(ip).or_default().insert(name);
            }
            self.services.insert(key.clone(), names);
        }
    }

    /// A namespace is there now, or is not.
    pub fn set_namespace(&mut self, name: &str, exists: bool) {
        match exists {
            true => self.namespaces.insert(name.to_owned()),
            false => self.namespaces.remove(name),
        };
    }

    /// The domain that all names are below.
    pub fn domain(&self) -> &Name {
        &self.domain
    }

    /// How many services have names.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether no service has a name.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }
}

#[cfg(test)]
mod tests;
