//! A pod's spec as the checks see it.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

/// The spec of a pod.
pub(super) struct Pod<'p> {
    spec: &'p Map,
    /// All containers, in the order in which they start.
    containers: Vec<&'p Map>,
}

impl<'p> Pod<'p> {
    pub(super) fn new(spec: &'p Map) -> Self {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let all = lists.iter().filter_map(|list| spec.get(list)?.as_array()).flatten();
        Self { spec, containers: all.filter_map(Json::as_object).collect() }
    }

    /// Whether the field `name` is true.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.spec.get(name) == Some(&Json::Bool(true))
    }

    /// The value at `path` of the pod's security context.
    pub(super) fn security(&self, path: &[&str]) -> Option<&'p Json> {
        at(self.spec, path)
    }

    /// Name and type of each volume.
    pub(super) fn volumes(&self) -> impl Iterator<Item = (&'p str, &'p str)> {
        let volumes = self.spec.get("volumes").and_then(Json::as_array);
        volumes.into_iter().flatten().filter_map(Json::as_object).map(|volume| {
            let kind = volume.iter().find(|(key, value)| *key != "name" && !value.is_null());
            let name = volume.get("name").and_then(Json::as_str).unwrap_or_default();
            (name, kind.map_or("", |(kind, _)| kind.as_str()))
        })
    }

    /// The containers.
    pub(super) fn containers(&self) -> impl Iterator<Item = Container<'p>> {
        self.containers.iter().map(|map| Container { map })
    }

    /// The names of the containers that `bad` tells, as in `containers "a", "b"`.
    pub(super) fn those(&self, bad: impl Fn(Container<'p>) -> bool) -> Option<String> {
        let names: Vec<&str> =
            self.containers().filter(|container| bad(*container)).map(|c| c.name()).collect();
        (!names.is_empty()).then(|| counted("container", &names))
    }

    /// The pod, where `bad` is true of its security context, and the containers of which it is,
    /// as in `pod and container "a"`.
    pub(super) fn setters(
        &self,
        path: &[&str],
        bad: impl Fn(Option<&'p Json>) -> bool,
    ) -> Option<String> {
        let pod = bad(self.security(path)).then(|| "pod".to_owned());
        let containers = self.those(|container| bad(container.security(path)));
        let all: Vec<String> = pod.into_iter().chain(containers).collect();
        (!all.is_empty()).then(|| all.join(" and "))
    }
}

/// One container.
#[derive(Clone, Copy)]
pub(super) struct Container<'p> {
    map: &'p Map,
}

impl<'p> Container<'p> {
    pub(super) fn name(self) -> &'p str {
        self.map.get("name").and_then(Json::as_str).unwrap_or_default()
    }

    /// The value at `path` of the container's security context.
    pub(super) fn security(self, path: &[&str]) -> Option<&'p Json> {
        at(self.map, path)
    }

    /// The texts of the list at `path` of the container's security context.
    pub(super) fn listed(self, path: &[&str]) -> impl Iterator<Item = &'p str> {
        let list = self.security(path).and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str)
    }

    /// The ports of the node that the container takes.
    pub(super) fn host_ports(self) -> impl Iterator<Item = u64> {
        let ports = self.map.get("ports").and_then(Json::as_array);
        let host_port = |port: &'p Json| port.get("hostPort").and_then(Json::as_u64);
        ports.into_iter().flatten().filter_map(host_port).filter(|port| *port != 0)
    }
}

fn at<'p>(owner: &'p Map, path: &[&str]) -> Option<&'p Json> {
    let security = owner.get("securityContext")?;
    path.iter().try_fold(security, |value, step| value.get(*step)).filter(|value| !value.is_null())
}

/// A noun with names, as in `volume "a"` or `volumes "a", "b"`.
pub(super) fn counted(noun: &str, names: &[&str]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{noun}{plural} {}", quoted(names))
}

/// The names in quotes, with commas.
pub(super) fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

/// The names in order, each once.
pub(super) fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}
