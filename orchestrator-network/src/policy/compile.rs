//! Policies, pods and namespaces to rules, as a pure function.
//!
//! ```text
//! forward: what is known passes; a pod reaches itself
//!          source      ─▶ egress-pods:  jump to the chain of the policies that select the pod
//!          destination ─▶ ingress-pods: likewise
//! chain:   one rule for each way in which a policy allows something: return; at the end: drop
//! ```
//!
//! Pods that the same policies select share a chain. Chains and sets are named after what is in
//! them, so that a policy that did not change keeps its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use orchestrator_core::selector::LabelSelector;
use orchestrator_netlink::nft::{
    Bytes, Data, Family, Field, Hook, HookKind, KNOWN, Key, Part, Place, Rule, Ruleset, Shape,
    Statement, Verdict,
};
use sha2::{Digest, Sha256};

use super::peers::{Peers, address, addresses, pod_matches, selector};
use super::ports::{PortRange, Ports};

/// The name of the tables, one for each family.
pub const TABLE: &str = "orchestrator-policies";

const EGRESS: &str = "egress-pods";
const INGRESS: &str = "ingress-pods";
const SELF: &str = "selves";

/// What policies are about.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// The policies.
    pub policies: &'a [Arc<NetworkPolicy>],
    /// All pods.
    pub pods: &'a [Arc<Pod>],
    /// The namespaces, for their labels.
    pub namespaces: &'a [Arc<Namespace>],
}

impl Cluster<'_> {
    pub(super) fn namespace_matches(&self, name: &str, selector: &LabelSelector) -> bool {
        let named = |namespace: &&Arc<Namespace>| namespace.metadata.name.as_deref() == Some(name);
        self.namespaces.iter().find(named).is_some_and(|namespace| {
            let labels = namespace.metadata.labels.as_ref();
            selector.matches_with(|key| labels?.get(key).map(String::as_str))
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// A rule of a policy, as both directions have it.
struct Allowed<'a> {
    peers: Option<&'a Vec<NetworkPolicyPeer>>,
    ports: Option<&'a Vec<NetworkPolicyPort>>,
}

/// The rules that node `node` enforces on packets of `family`.
pub fn rules(cluster: &Cluster<'_>, node: &str, family: Family) -> Ruleset {
    let mut compiler = Compiler { cluster, family, rules: base(family) };
    for pod in cluster.pods {
        let here = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node);
        if here {
            compiler.pod(pod);
        }
    }
    compiler.rules
}

fn base(family: Family) -> Ruleset {
    let part = Part::address(family);
    let mut rules = Ruleset::default();
    rules.set(EGRESS, Shape::verdicts([part]));
    rules.set(INGRESS, Shape::verdicts([part]));
    rules.set(SELF, Shape::set([part, part]));
    let mut known = Statement::if_state(KNOWN).to_vec();
    known.push(Statement::Verdict(Verdict::Accept));
    let itself = vec![
        Statement::Load(Field::Source, 0),
        Statement::Load(Field::Destination, family.address_words()),
        Statement::In { set: SELF.into(), key: 0, is: true },
        Statement::Verdict(Verdict::Accept),
    ];
    let by = |field, map: &str| {
        vec![Statement::Load(field, 0), Statement::Verdicts { map: map.into(), key: 0 }]
    };
    let hook = Hook { kind: HookKind::Filter, place: Place::Forward, priority: 0 };
    let chain = vec![known, itself, by(Field::Source, EGRESS), by(Field::Destination, INGRESS)];
    rules.hook("forward", hook, chain);
    rules
}

struct Compiler<'a> {
    cluster: &'a Cluster<'a>,
    family: Family,
    rules: Ruleset,
}

impl<'a> Compiler<'a> {
    /// Adds the rules of a pod of this node.
    fn pod(&mut self, pod: &Pod) {
        let ips = addresses(pod, self.family);
        if ips.is_empty() {
            return;
        }
        for (direction, map) in [(Direction::Egress, EGRESS), (Direction::Ingress, INGRESS)] {
            let selecting = self.selecting(pod, direction);
            if selecting.is_empty() {
                continue;
            }
            let chain = self.chain(&selecting, pod, direction);
            for ip in &ips {
                let verdict = Data::Verdict(Verdict::Jump(chain.clone()));
                self.insert(map, Key::one(Bytes::new().address(*ip)), Some(verdict));
                let both = Bytes::new().address(*ip).address(*ip);
                self.insert(SELF, Key::one(both), None);
            }
        }
    }

    fn insert(&mut self, set: &str, key: Key, data: Option<Data>) {
        let set = self.rules.sets.get_mut(set).expect("the base has the set");
        set.elements.insert(key, data);
    }

    /// The policies that select `pod` for `direction`.
    fn selecting(&self, pod: &Pod, direction: Direction) -> Vec<&'a NetworkPolicy> {
        let selects = |policy: &&Arc<NetworkPolicy>| {
            let Some(spec) = &policy.spec else { return false };
            let wanted = spec.pod_selector.as_ref().map(selector);
            let all = LabelSelector::everything();
            policy.metadata.namespace == pod.metadata.namespace
                && pod_matches(pod, wanted.as_ref().unwrap_or(&all))
                && concerns(policy, direction)
        };
        let cluster: &'a Cluster<'a> = self.cluster;
        cluster.policies.iter().filter(selects).map(|policy| &**policy).collect()
    }

    /// The chain that these policies make for `pod`.
    fn chain(&mut self, policies: &[&NetworkPolicy], pod: &Pod, direction: Direction) -> String {
        let mut rules: Vec<Rule> = Vec::new();
        for policy in policies {
            let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
            for allowed in allowances(policy, direction) {
                rules.extend(self.allow(&allowed, namespace, pod, direction));
            }
        }
        rules.push(vec![Statement::Verdict(Verdict::Drop)]);
        let name = match direction {
            Direction::Ingress => format!("ingress-{}", fingerprint(&rules)),
            Direction::Egress => format!("egress-{}", fingerprint(&rules)),
        };
        self.rules.chain(name.clone(), rules);
        name
    }

    /// The rules that let pass what `allowed` says.
    fn allow(
        &mut self,
        allowed: &Allowed<'_>,
        namespace: &str,
        pod: &Pod,
        direction: Direction,
    ) -> Vec<Rule> {
        let ports = Ports::of(allowed.ports);
        let peers = allowed.peers.filter(|peers| !peers.is_empty());
        let found = peers.map(|peers| Peers::of(peers, namespace, self.cluster, self.family));
        let mut rules = Vec::new();
        // A name stands for a port of the pod that is sent to.
        let fixed = ports.as_ref().map(|ports| match direction {
            Direction::Ingress => ports.in_pod(pod),
            Direction::Egress => super::ports::joined(ports.ranges.clone()),
        });
        for other in self.others(found.as_ref().map(|(peers, _)| peers), direction) {
            if let Some(ports) = self.ports(fixed.as_deref()) {
                rules.push([other, ports, vec![Statement::Verdict(Verdict::Return)]].concat());
            }
        }
        if let (Some(ports), Direction::Egress) = (&ports, direction) {
            let pods = match &found {
                Some((_, pods)) => pods.clone(),
                None => self.cluster.pods.iter().collect(),
            };
            rules.extend(self.named(ports, &pods));
        }
        rules
    }

    /// The ways to be one of the other ends.
    fn others(&mut self, peers: Option<&Peers>, direction: Direction) -> Vec<Rule> {
        let Some(peers) = peers else { return vec![Vec::new()] };
        let field = match direction {
            Direction::Ingress => Field::Source,
            Direction::Egress => Field::Destination,
        };
        let family = self.family;
        let part = Part::address(family);
        let pods = peers.pods.iter().map(|ip| Key::one(Bytes::new().address(*ip))).collect();
        let bytes = |number| Bytes::new().address(address(number, family));
        let blocks = peers.blocks.iter();
        let blocks = blocks.map(|(from, to)| Key::range(bytes(from), bytes(to))).collect();
        let sets = [
            self.set("pods", Shape::set([part]), pods),
            self.set("blocks", Shape::set([part]).interval(), blocks),
        ];
        let rule = |set| vec![Statement::Load(field, 0), Statement::In { set, key: 0, is: true }];
        sets.into_iter().flatten().map(rule).collect()
    }

    /// The condition on ports; `None` where no port will do.
    fn ports(&mut self, ports: Option<&[PortRange]>) -> Option<Rule> {
        let Some(ports) = ports else { return Some(Vec::new()) };
        let bytes = |range: &PortRange, port| Bytes::new().protocol(range.protocol).port(port);
        let key =
            |range: &PortRange| Key::range(bytes(range, range.first), bytes(range, range.last));
        let shape = Shape::set([Part::Protocol, Part::Port]).interval();
        let set = self.set("ports", shape, ports.iter().map(key).collect())?;
        Some(vec![
            Statement::Load(Field::Protocol, 0),
            Statement::Load(Field::DestinationPort, 1),
            Statement::In { set, key: 0, is: true },
        ])
    }

    /// Lets pass what goes to ports by name, each pod's where it has them.
    fn named(&mut self, ports: &Ports, pods: &[&Arc<Pod>]) -> Option<Rule> {
        let mut keys = BTreeSet::new();
        for pod in pods {
            let open = ports.names.iter().filter_map(|name| name.in_pod(pod));
            for (range, ip) in open.flat_map(|range| {
                addresses(pod, self.family).into_iter().map(move |ip: IpAddr| (range, ip))
            }) {
                let key = Bytes::new().address(ip).protocol(range.protocol).port(range.first);
                keys.insert(Key::one(key));
            }
        }
        let part = Part::address(self.family);
        let shape = Shape::set([part, Part::Protocol, Part::Port]);
        let set = self.set("named", shape, keys.into_iter().collect())?;
        let words = self.family.address_words();
        Some(vec![
            Statement::Load(Field::Destination, 0),
            Statement::Load(Field::Protocol, words),
            Statement::Load(Field::DestinationPort, words + 1),
            Statement::In { set, key: 0, is: true },
            Statement::Verdict(Verdict::Return),
        ])
    }

    /// The set that holds exactly `keys`; `None` where there is none.
    fn set(&mut self, kind: &str, shape: Shape, keys: Vec<Key>) -> Option<String> {
        if keys.is_empty() {
            return None;
        }
        let name = format!("{kind}-{}", fingerprint(&keys));
        let set = self.rules.set(&name, shape);
        set.elements = keys.into_iter().map(|key| (key, None)).collect::<BTreeMap<_, _>>();
        Some(name)
    }
}

/// Whether a policy is about `direction`.
fn concerns(policy: &NetworkPolicy, direction: Direction) -> bool {
    let Some(spec) = &policy.spec else { return false };
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let says = |name: &str| types.iter().any(|kind| kind == name);
    match direction {
        Direction::Ingress => types.is_empty() || says("Ingress"),
        Direction::Egress if types.is_empty() => {
            spec.egress.as_ref().is_some_and(|rules| !rules.is_empty())
        }
        Direction::Egress => says("Egress"),
    }
}

fn allowances(policy: &NetworkPolicy, direction: Direction) -> Vec<Allowed<'_>> {
    let Some(spec) = &policy.spec else { return Vec::new() };
    match direction {
        Direction::Ingress => {
            let rules = spec.ingress.iter().flatten();
            rules
                .map(|rule| Allowed { peers: rule.from.as_ref(), ports: rule.ports.as_ref() })
                .collect()
        }
        Direction::Egress => {
            let rules = spec.egress.iter().flatten();
            rules
                .map(|rule| Allowed { peers: rule.to.as_ref(), ports: rule.ports.as_ref() })
                .collect()
        }
    }
}

/// A name for what something holds: 80 bits of a hash, which nobody finds another thing for.
fn fingerprint(of: &impl std::fmt::Debug) -> String {
    let hash = Sha256::digest(format!("{of:?}").as_bytes());
    hash.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}
