//! What carries a node's traffic: services, names, the pods of other nodes.

use std::net::IpAddr;
use std::sync::Arc;

use orchestrator_client::Informers;
use orchestrator_core::BoxError;
use orchestrator_core::resource::Network;
use orchestrator_proxy::{ProxyLoop, UserspaceConfig, UserspaceProxy};

/// How a node carries traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Networking {
    /// What carries services.
    pub services: ServiceProxy,
    /// Serve the names of services and pods at [`dns_address`].
    pub names: bool,
}

/// What carries services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceProxy {
    /// Sockets of this process: no root, and addresses that are local to the host.
    #[default]
    Userspace,
    /// Packet rules of the kernel; pods are joined to those of other nodes, and network policies
    /// are enforced. Needs root.
    #[cfg(feature = "network")]
    Nftables,
}

impl Networking {
    /// Carries services this way.
    #[must_use]
    pub fn services(mut self, services: ServiceProxy) -> Self {
        self.services = services;
        self
    }

    /// Serves names, or does not.
    #[must_use]
    pub fn names(mut self, names: bool) -> Self {
        self.names = names;
        self
    }
}

#[cfg(feature = "containerd")]
impl Networking {
    /// What a container runtime is told about the network of a node whose pods have these ranges;
    /// `None` where it is no business of this.
    pub(super) fn plugins(&self, ranges: &[String], notes: &std::path::Path) -> Option<String> {
        #[cfg(feature = "network")]
        if self.services == ServiceProxy::Nftables {
            use orchestrator_network::pods::{Attachment, conflist};
            let ranges: Vec<_> = ranges.iter().filter_map(|range| range.parse().ok()).collect();
            return Some(conflist(&Attachment::default(), &ranges, notes).to_string());
        }
        let _ = (ranges, notes);
        None
    }
}

/// The address at which a cluster's names are served: the tenth of its services'.
pub fn dns_address(network: &Network) -> Option<IpAddr> {
    let (base, len) = network.service_cidr.split_once('/')?;
    let len: u32 = len.parse().ok()?;
    match base.parse().ok()? {
        IpAddr::V4(base) if len <= 28 => {
            Some(IpAddr::V4((u32::from(base) & (u32::MAX << (32 - len)) | 10).into()))
        }
        IpAddr::V6(base) if len <= 124 => {
            Some(IpAddr::V6((u128::from(base) & (u128::MAX << (128 - len)) | 10).into()))
        }
        _ => None,
    }
}

/// A node's traffic, carried; dropping it ends that.
#[derive(Debug)]
pub(super) struct Carried {
    proxy_loop: orchestrator_proxy::Running,
    _userspace: Option<Arc<UserspaceProxy>>,
    #[cfg(feature = "network")]
    kernel: kernel::Parts,
}

impl Carried {
    /// Carries the traffic of `node`.
    pub(super) async fn start(
        networking: &Networking,
        informers: &Informers,
        node: &str,
        network: &Network,
    ) -> Result<Self, BoxError> {
        #[cfg(feature = "network")]
        if networking.services == ServiceProxy::Nftables || networking.names {
            return kernel::start(networking, informers, node, network).await;
        }
        let _ = (networking, network);
        let (proxy_loop, userspace) = userspace(informers, node);
        Ok(Self {
            proxy_loop,
            _userspace: Some(userspace),
            #[cfg(feature = "network")]
            kernel: kernel::Parts::default(),
        })
    }

    /// Waits until services, names and other nodes are reached.
    pub(super) async fn ready(&self) {
        self.proxy_loop.ready().await;
        #[cfg(feature = "network")]
        self.kernel.ready().await;
    }

    /// Takes back what the kernel was told.
    pub(super) async fn shutdown(self) {
        drop(self.proxy_loop);
        #[cfg(feature = "network")]
        self.kernel.shutdown().await;
    }
}

fn userspace(
    informers: &Informers,
    node: &str,
) -> (orchestrator_proxy::Running, Arc<UserspaceProxy>) {
    let env = informers.client().env().clone();
    let proxy = Arc::new(UserspaceProxy::new(env, UserspaceConfig::default()));
    let proxy_loop = ProxyLoop::new(informers.clone(), Arc::clone(&proxy) as _, node).start();
    (proxy_loop, proxy)
}

/// The parts that need the kernel or a socket of their own.
#[cfg(feature = "network")]
mod kernel {
    use std::net::SocketAddr;

    use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
    use orchestrator_client::Client;
    use orchestrator_dns::{Dns, DnsConfig};
    use orchestrator_network::{PodNetwork, PodNetworkConfig, PolicyLoop, policy};
    use orchestrator_proxy::{NftablesConfig, NftablesProxy};
    use tracing::{debug, warn};

    use super::*;

    /// The service that stands for the cluster's names, so that nobody else takes the address.
    const SERVICE: (&str, &str) = ("kube-system", "kube-dns");

    #[derive(Debug, Default)]
    pub(super) struct Parts {
        names: Option<Dns>,
        pods: Option<PodNetwork>,
        policies: Option<(policy::Running, Arc<orchestrator_network::Rules>)>,
        proxy: Option<Arc<NftablesProxy>>,
    }

    impl Parts {
        pub(super) async fn ready(&self) {
            if let Some(names) = &self.names {
                names.ready().await;
            }
            if let Some(pods) = &self.pods {
                pods.ready().await;
            }
            if let Some((policies, _)) = &self.policies {
                policies.ready().await;
            }
        }

        pub(super) async fn shutdown(self) {
            drop(self.names);
            if let Some((policies, rules)) = self.policies {
                drop(policies);
                told(PolicyLoop::remove(&*rules).await, "network policies");
            }
            if let Some(proxy) = self.proxy {
                told(proxy.remove().await, "services");
            }
            if let Some(pods) = self.pods {
                told(pods.remove().await, "the pod network");
            }
        }
    }

    fn told<E: std::error::Error>(result: Result<(), E>, what: &str) {
        if let Err(error) = result {
            warn!(%error, what, "the kernel keeps what it was told");
        }
    }

    pub(super) async fn start(
        networking: &Networking,
        informers: &Informers,
        node: &str,
        network: &Network,
    ) -> Result<Carried, BoxError> {
        let address = networking.names.then(|| dns_address(network)).flatten();
        let mut parts = Parts::default();
        let nftables = networking.services == ServiceProxy::Nftables;
        if nftables {
            let pods = vec![network.pod_cidr.parse()?];
            let services = vec![network.service_cidr.parse()?];
            let config = PodNetworkConfig::new(node, pods, services).shared(address);
            parts.pods = Some(PodNetwork::start(informers.clone(), config).await?);
            let rules = Arc::new(orchestrator_network::rules()?);
            let policies =
                PolicyLoop::new(informers.clone(), Arc::clone(&rules) as _, node).start();
            parts.policies = Some((policies, rules));
        }
        if let Some(address) = address {
            let config = DnsConfig::default().bind([SocketAddr::new(address, 53)]);
            parts.names = Some(Dns::start(informers.clone(), &config).await?);
            reserve(informers.client(), address).await;
        }
        if !nftables {
            let (proxy_loop, userspace) = userspace(informers, node);
            return Ok(Carried { proxy_loop, _userspace: Some(userspace), kernel: parts });
        }
        let config =
            NftablesConfig::default().pods(network.pod_cidr.parse().ok()).served_here(address);
        let proxy = Arc::new(NftablesProxy::open(config)?);
        let proxy_loop = ProxyLoop::new(informers.clone(), Arc::clone(&proxy) as _, node).start();
        parts.proxy = Some(proxy);
        Ok(Carried { proxy_loop, _userspace: None, kernel: parts })
    }

    /// Takes the address of the cluster's names for them; another node may have done so.
    async fn reserve(client: &Client, address: IpAddr) {
        let port = |name: &str, protocol: &str| ServicePort {
            name: Some(name.to_owned()),
            protocol: Some(protocol.to_owned()),
            port: 53,
            ..ServicePort::default()
        };
        let mut service = Service::default();
        service.metadata.namespace = Some(SERVICE.0.to_owned());
        service.metadata.name = Some(SERVICE.1.to_owned());
        service.spec = Some(ServiceSpec {
            cluster_ip: Some(address.to_string()),
            ports: Some(vec![port("dns", "UDP"), port("dns-tcp", "TCP")]),
            ..ServiceSpec::default()
        });
        if let Err(error) = client.api::<Service>().create(&service).await {
            debug!(%error, "the service of the cluster's names was not made");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_served_at_the_tenth_address_of_services() {
        for (range, address) in [
            ("10.96.0.0/12", Some("10.96.0.10")),
            ("127.96.0.0/12", Some("127.96.0.10")),
            ("fd00:1::/108", Some("fd00:1::a")),
            ("10.96.0.0/30", None),
            ("nonsense", None),
        ] {
            let network = Network { service_cidr: range.into(), ..Network::default() };
            let found = dns_address(&network).map(|ip| ip.to_string());
            assert_eq!(found.as_deref(), address, "{range}");
        }
    }
}
