//! Keeps a zone up to date: informers tell which services changed, and their names are read anew.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use orchestrator_client::{Informer, Informers};
use orchestrator_core::controller::Change;
use orchestrator_core::env::{Activity, Busy, Task};
use orchestrator_core::{Object, ObjectKey};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};
use tracing::info;

use crate::server::{DnsConfig, DnsError, Serving};
use crate::zone::{ServiceNames, Zone};

/// The label by which a slice names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Slices by `namespace/name` of their service.
const BY_SERVICE: &str = "names: service";

/// The cluster's names, served and kept up to date; dropping it ends both.
#[derive(Debug)]
pub struct Dns {
    serving: Serving,
    ready: watch::Receiver<bool>,
    _task: Task<()>,
}

impl Dns {
    /// Serves the names of the cluster that `informers` follow.
    ///
    /// # Errors
    /// The domain is none, or an address cannot be served at.
    pub async fn start(informers: Informers, config: &DnsConfig) -> Result<Self, DnsError> {
        let env = informers.client().env().clone();
        let zone = Zone::new(&config.domain);
        let zone = zone.map_err(|_| DnsError::Domain(config.domain.clone()))?;
        let zone = zone.servers(config.bind.iter().map(SocketAddr::ip));
        let zone = Arc::new(RwLock::new(zone));
        let serving = Serving::start(&env, Arc::clone(&zone), config).await?;
        info!(addresses = ?serving.addresses(), domain = config.domain, "names served");
        let (sender, ready) = watch::channel(false);
        let feed = Feed::new(informers, zone, env.activity());
        Ok(Self { serving, ready, _task: env.spawn("names", feed.run(sender)) })
    }

    /// Waits until all names are known.
    pub async fn ready(&self) {
        // An error means that the feed has ended; nobody should wait for it then.
        let _ = self.ready.clone().wait_for(|ready| *ready).await;
    }

    /// Where names are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.serving.addresses()
    }
}

/// Brings what informers see into a zone.
struct Feed {
    // Caches are kept up to date for as long as this is there.
    _informers: Informers,
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
    namespaces: Informer<Namespace>,
    zone: Arc<RwLock<Zone>>,
    news: Arc<News>,
}

/// What has changed since the last look.
#[derive(Debug, Default)]
struct News {
    changed: Mutex<Changed>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Changed {
    services: BTreeSet<ObjectKey>,
    namespaces: BTreeSet<String>,
    busy: Option<Busy>,
}

impl News {
    /// Notes what `note` finds in each change.
    fn handler(
        self: &Arc<Self>,
        activity: &Activity,
        note: fn(&Object, &mut Changed),
    ) -> Arc<dyn Fn(&Change) + Send + Sync> {
        let (news, activity) = (Arc::clone(self), activity.clone());
        Arc::new(move |change| {
            let mut changed = news.changed.lock();
            for item in [&change.old, &change.new].into_iter().flatten() {
                // What cannot be read has no names, and never had.
                if let Ok(object) = item.lean() {
                    note(&object, &mut changed);
                }
            }
            changed.busy.get_or_insert_with(|| activity.begin());
            news.came.notify_one();
        })
    }
}

impl Feed {
    fn new(informers: Informers, zone: Arc<RwLock<Zone>>, activity: &Activity) -> Self {
        let news = Arc::new(News::default());
        let (services, slices) = (informers.of::<Service>(), informers.of::<EndpointSlice>());
        let namespaces = informers.of::<Namespace>();
        slices.add_index(BY_SERVICE, |slice| {
            service_of(slice).map(|key| key.to_string()).into_iter().collect()
        });
        services.on_change(news.handler(activity, |service, changed| {
            changed.services.insert(service.key());
        }));
        slices.on_change(news.handler(activity, |slice, changed| {
            changed.services.extend(service_of(slice));
        }));
        namespaces.on_change(news.handler(activity, |namespace, changed| {
            changed.namespaces.insert(namespace.name().to_owned());
        }));
        Self { _informers: informers, services, slices, namespaces, zone, news }
    }

    async fn run(self, ready: watch::Sender<bool>) {
        self.services.synced().await;
        self.slices.synced().await;
        self.namespaces.synced().await;
        loop {
            let changed = std::mem::take(&mut *self.news.changed.lock());
            self.update(&changed);
            drop(changed);
            ready.send_replace(true);
            self.news.came.notified().await;
        }
    }

    fn update(&self, changed: &Changed) {
        for key in &changed.services {
            let names = self.services.get(key).and_then(|service| {
                ServiceNames::of(&service, &self.slices.by_index(BY_SERVICE, &key.to_string()))
            });
            self.zone.write().set_service(key, names);
        }
        for name in &changed.namespaces {
            let exists = self.namespaces.get(&ObjectKey::new("", name)).is_some();
            self.zone.write().set_namespace(name, exists);
        }
    }
}

/// The service that a slice is of.
fn service_of(slice: &Object) -> Option<ObjectKey> {
    slice.label(SERVICE_NAME).map(|service| ObjectKey::new(slice.namespace(), service))
}
