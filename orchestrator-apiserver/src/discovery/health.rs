//! `/healthz`, `/livez` and `/readyz`, each as a whole and check by check.

use tokio::sync::watch;

use crate::server::ApiServer;

/// Which of the three paths is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// `/healthz`, the old path.
    Healthz,
    /// `/livez`.
    Livez,
    /// `/readyz`.
    Readyz,
}

/// One thing that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// The server answers.
    Ping,
    /// The store answers.
    Store,
    /// Nothing to wait for: requests read the store, no cache stands in between.
    InformerSync,
    /// The server is not about to stop.
    Shutdown,
}

impl Probe {
    /// The probe at the path `/name`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Healthz, Self::Livez, Self::Readyz].into_iter().find(|probe| probe.name() == name)
    }

    /// The path without its slash.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Healthz => "healthz",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
        }
    }

    fn checks(self) -> &'static [Check] {
        match self {
            Self::Healthz | Self::Livez => &[Check::Ping, Check::Store],
            Self::Readyz => &[Check::Ping, Check::Store, Check::InformerSync, Check::Shutdown],
        }
    }
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            // The name that dashboards know the store's check by.
            Self::Store => "etcd",
            Self::InformerSync => "informer-sync",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The health of a server.
#[derive(Debug)]
pub(crate) struct Health {
    stopping: watch::Sender<bool>,
}

impl Default for Health {
    fn default() -> Self {
        Self { stopping: watch::Sender::new(false) }
    }
}

/// What a probe answers: whether all is well, and the words.
pub(crate) type Answer = (bool, String);

impl Health {
    /// From now on the server is not ready, and watches end.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns when the server is about to stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.subscribe();
        async move {
            // A server that is gone has stopped too.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }

    /// Runs all checks of a probe but those in `exclude`.
    pub(crate) async fn all(
        &self,
        server: &ApiServer,
        probe: Probe,
        verbose: bool,
        exclude: &[&str],
    ) -> Answer {
        let mut text = String::new();
        let mut well = true;
        for check in probe.checks() {
            let name = check.name();
            let line = if exclude.contains(&name) {
                format!("[+]{name} excluded: ok\n")
            } else if self.run(server, *check).await {
                format!("[+]{name} ok\n")
            } else {
                well = false;
                format!("[-]{name} failed: reason withheld\n")
            };
            text.push_str(&line);
        }
        let unknown = |name: &&&str| probe.checks().iter().all(|check| check.name() != **name);
        let unknown: Vec<_> = exclude.iter().filter(unknown).map(|n| format!("{n:?}")).collect();
        if !unknown.is_empty() {
            text.push_str(&format!(
                "warn: some health checks cannot be excluded: no matches for {}\n",
                unknown.join(",")
            ));
        }
        match (well, verbose) {
            (true, false) => (true, "ok".into()),
            (true, true) => (true, text + probe.name() + " check passed\n"),
            (false, _) => (false, text + probe.name() + " check failed\n"),
        }
    }

    /// Runs one check of a probe; `None` where there is no such check.
    pub(crate) async fn one(&self, server: &ApiServer, probe: Probe, name: &str) -> Option<Answer> {
        let check = probe.checks().iter().find(|check| check.name() == name)?;
        Some(match self.run(server, *check).await {
            true => (true, "ok".into()),
            false => (false, format!("internal server error: {name} failed: reason withheld\n")),
        })
    }

    async fn run(&self, server: &ApiServer, check: Check) -> bool {
        match check {
            Check::Ping | Check::InformerSync => true,
            Check::Store => server.objects().store().status().await.is_ok(),
            Check::Shutdown => !*self.stopping.borrow(),
        }
    }
}
