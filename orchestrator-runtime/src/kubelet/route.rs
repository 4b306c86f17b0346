//! Paths: what of which pod is asked for.

use orchestrator_core::{ObjectKey, Status};
use orchestrator_wire::percent::{Plus, decode};

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Pods,
    Logs(ObjectKey, String),
    Exec(ObjectKey, String),
    Attach(ObjectKey, String),
    PortForward(ObjectKey),
}

impl Route {
    /// Reads a path.
    ///
    /// # Errors
    /// 404 where it leads nowhere.
    pub(super) fn parse(path: &str) -> Result<Self, Status> {
        let nowhere = || Status::new(404, "NotFound", "404 page not found");
        let segments: Option<Vec<_>> =
            path.trim_matches('/').split('/').map(|part| decode(part, Plus::Keep)).collect();
        let segments = segments.ok_or_else(nowhere)?;
        let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
        let pod = |namespace: &str, name: &str| ObjectKey::new(namespace, name);
        Ok(match segments[..] {
            ["healthz"] => Self::Health,
            ["pods"] => Self::Pods,
            ["containerLogs", ns, name, container] => Self::Logs(pod(ns, name), container.into()),
            ["exec", ns, name, container] => Self::Exec(pod(ns, name), container.into()),
            ["attach", ns, name, container] => Self::Attach(pod(ns, name), container.into()),
            ["portForward", ns, name] => Self::PortForward(pod(ns, name)),
            _ => return Err(nowhere()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_kubelet() {
        let pod = ObjectKey::new("a", "b");
        let cases = [
            ("/healthz", Route::Health),
            ("/pods/", Route::Pods),
            ("/containerLogs/a/b/c", Route::Logs(pod.clone(), "c".into())),
            ("/exec/a/b/c%20d", Route::Exec(pod.clone(), "c d".into())),
            ("/attach/a/b/c", Route::Attach(pod.clone(), "c".into())),
            ("/portForward/a/b", Route::PortForward(pod)),
        ];
        for (path, route) in cases {
            assert_eq!(Route::parse(path), Ok(route), "{path}");
        }
        for path in ["/", "/exec/a/b", "/containerLogs/a/b/c/d", "/%zz", "/metrics"] {
            assert_eq!(Route::parse(path).unwrap_err().code, 404, "{path}");
        }
    }
}
