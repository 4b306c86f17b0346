//! Answers of a zone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hickory_server::proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use orchestrator_core::ObjectKey;

use super::question::{Part, Place, place};
use super::{Answer, EndpointNames, NamedPort, ServiceKind, ServiceNames, Zone};

/// The version of the naming scheme that is followed.
const VERSION: &str = "1.1.0";

/// The weight that the targets of a service share.
const WEIGHT: usize = 100;

/// A target of an SRV record.
struct Target {
    name: String,
    port: u16,
    ips: Vec<IpAddr>,
}

impl Zone {
    /// What the zone says of `name` and a type of records.
    pub fn lookup(&self, name: &Name, kind: RecordType) -> Answer {
        match place(name, &self.domain) {
            Place::Elsewhere => Answer::Elsewhere,
            Place::Nothing => Answer::NoName,
            Place::Between => Answer::found(Vec::new()),
            Place::Namespace(namespace) if self.namespaces.contains(&namespace) => {
                Answer::found(Vec::new())
            }
            Place::Namespace(_) => Answer::NoName,
            Place::Domain => self.domain_itself(name, kind),
            Place::Version if kind == RecordType::TXT => {
                let text = RData::TXT(TXT::new(vec![VERSION.to_owned()]));
                Answer::found(vec![self.record(name, text)])
            }
            Place::Version => Answer::found(Vec::new()),
            Place::Server => Answer::found(self.addresses_of(name, &self.servers, kind)),
            Place::Reverse(ip) => self.reverse(name, ip, kind),
            Place::Pod(namespace, ip) if self.namespaces.contains(&namespace) => {
                Answer::found(self.addresses_of(name, &[ip], kind))
            }
            Place::Pod(..) => Answer::NoName,
            Place::Service(key, part) => match self.services.get(&key) {
                Some(service) => self.service(name, &key, service, &part, kind),
                None => Answer::NoName,
            },
        }
    }

    /// What goes with an answer that says that something is not there, so that resolvers know how
    /// long to remember it.
    pub fn soa(&self) -> Record {
        let name = |labels: &str| below(labels, &self.domain);
        let soa =
            SOA::new(name("ns.dns"), name("hostmaster"), self.serial, 7200, 1800, 86_400, self.ttl);
        self.record(&self.domain, RData::SOA(soa))
    }

    fn domain_itself(&self, name: &Name, kind: RecordType) -> Answer {
        Answer::found(match kind {
            RecordType::SOA => vec![self.soa()],
            RecordType::NS => {
                vec![self.record(name, RData::NS(NS(below("ns.dns", &self.domain))))]
            }
            _ => Vec::new(),
        })
    }

    /// Addresses of others have names elsewhere, so not knowing one is no answer.
    fn reverse(&self, name: &Name, ip: IpAddr, kind: RecordType) -> Answer {
        let Some(names) = self.addresses.get(&ip) else { return Answer::Elsewhere };
        let pointer = |text: &String| {
            let target = below(&format!("{text}.svc"), &self.domain);
            self.record(name, RData::PTR(PTR(target)))
        };
        match kind {
            RecordType::PTR => Answer::found(names.iter().map(pointer).collect()),
            _ => Answer::found(Vec::new()),
        }
    }

    fn service(
        &self,
        name: &Name,
        key: &ObjectKey,
        service: &ServiceNames,
        part: &Part,
        kind: RecordType,
    ) -> Answer {
        if let ServiceKind::External(target) = &service.kind {
            return self.external(name, target, part, kind);
        }
        let targets = targets(key, service, part);
        if targets.is_empty() {
            return Answer::NoName;
        }
        if kind == RecordType::SRV {
            return self.services_of(name, targets);
        }
        let ips: BTreeSet<IpAddr> = targets.into_iter().flat_map(|target| target.ips).collect();
        Answer::found(self.addresses_of(name, &ips.into_iter().collect::<Vec<_>>(), kind))
    }

    fn external(&self, name: &Name, target: &str, part: &Part, kind: RecordType) -> Answer {
        if *part != Part::Whole {
            return Answer::NoName;
        }
        let Ok(mut target) = Name::from_ascii(target) else { return Answer::NoName };
        target.set_fqdn(true);
        let record = self.record(name, RData::CNAME(CNAME(target.clone())));
        match kind {
            RecordType::CNAME => Answer::found(vec![record]),
            RecordType::A | RecordType::AAAA => Answer::Alias { record: Box::new(record), target },
            _ => Answer::found(Vec::new()),
        }
    }

    fn services_of(&self, name: &Name, targets: Vec<Target>) -> Answer {
        let distinct: BTreeSet<(&str, u16)> =
            targets.iter().map(|target| (target.name.as_str(), target.port)).collect();
        let weight = u16::try_from((WEIGHT / distinct.len()).max(1)).expect("it is at most 100");
        let record = |(target, port): &(&str, u16)| {
            let target = below(&format!("{target}.svc"), &self.domain);
            self.record(name, RData::SRV(SRV::new(0, weight, *port, target)))
        };
        let records = distinct.iter().map(record).collect();
        let addresses: BTreeSet<(&str, IpAddr)> = targets
            .iter()
            .flat_map(|target| target.ips.iter().map(|ip| (target.name.as_str(), *ip)))
            .collect();
        let additionals = addresses.into_iter().map(|(target, ip)| {
            self.record(&below(&format!("{target}.svc"), &self.domain), address(ip))
        });
        Answer::Found { records, additionals: additionals.collect() }
    }

    fn addresses_of(&self, name: &Name, ips: &[IpAddr], kind: RecordType) -> Vec<Record> {
        let asked = |ip: &&IpAddr| match kind {
            RecordType::A => ip.is_ipv4(),
            RecordType::AAAA => ip.is_ipv6(),
            _ => false,
        };
        ips.iter().filter(asked).map(|ip| self.record(name, address(*ip))).collect()
    }

    fn record(&self, name: &Name, data: RData) -> Record {
        Record::from_rdata(name.clone(), self.ttl, data)
    }
}

impl Answer {
    fn found(records: Vec<Record>) -> Self {
        Self::Found { records, additionals: Vec::new() }
    }
}

/// What a part of a service leads to, port by port.
fn targets(key: &ObjectKey, service: &ServiceNames, part: &Part) -> Vec<Target> {
    let own = format!("{}.{}", key.name, key.namespace);
    let wanted = |port: &&NamedPort| match part {
        Part::Port(name, protocol) => port.name == *name && port.protocol == *protocol,
        Part::Whole | Part::Endpoint(_) => true,
    };
    if let (ServiceKind::Cluster(ips), Part::Whole | Part::Port(..)) = (&service.kind, part) {
        let ports = service.ports.iter().filter(wanted);
        return ports
            .map(|port| Target { name: own.clone(), port: port.port, ips: ips.clone() })
            .collect();
    }
    let named = |endpoint: &&EndpointNames| match part {
        Part::Endpoint(host) => endpoint.host == *host,
        Part::Whole | Part::Port(..) => true,
    };
    let mut targets = Vec::new();
    for endpoint in service.endpoints.iter().filter(named) {
        let name = format!("{}.{own}", endpoint.host);
        let target = |port| Target { name: name.clone(), port, ips: vec![endpoint.ip] };
        targets.extend(endpoint.ports.iter().filter(wanted).map(|port| target(port.port)));
        // A headless service may have no ports at all; its endpoints have addresses all the same.
        if endpoint.ports.is_empty() && !matches!(part, Part::Port(..)) {
            targets.push(target(0));
        }
    }
    targets
}

fn address(ip: IpAddr) -> RData {
    match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}

/// The name of these labels below `domain`; the domain itself where they make none.
fn below(labels: &str, domain: &Name) -> Name {
    let name = Name::from_ascii(labels).and_then(|name| name.append_domain(domain));
    name.unwrap_or_else(|_| domain.clone())
}
