//! What pods and claims ask for, in amounts.

use super::Amounts;
use crate::Json;
use crate::object::{Key, Map, Object};

/// What one thing asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// What it needs.
    pub requests: Amounts,
    /// What it never takes more than.
    pub limits: Amounts,
}

/// The amounts of a map of quantities; what is no quantity is left out.
pub fn amounts(map: Option<&Json>) -> Amounts {
    let map = map.and_then(Json::as_object);
    let read = |(name, value): (&Key, &Json)| Some((name.into(), value.as_str()?.parse().ok()?));
    map.into_iter().flatten().filter_map(read).collect()
}

/// The containers of the list `name` of a pod.
pub fn containers<'p>(pod: &'p Object, name: &str) -> impl Iterator<Item = &'p Map> {
    let list = pod.at(&["spec", name]).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(Json::as_object)
}

impl Asked {
    /// What a container asks for, or anything else that has `resources`.
    pub fn by(owner: &Map) -> Self {
        let resources = owner.get("resources");
        let of = |name: &str| amounts(resources.and_then(|resources| resources.get(name)));
        Self { requests: of("requests"), limits: of("limits") }
    }

    /// What a pod asks for: its containers together, or one of those that run before them.
    pub fn by_pod(pod: &Object) -> Self {
        let mut total = Self::default();
        for container in containers(pod, "containers") {
            total.add(&Self::by(container));
        }
        let mut before = Self::default();
        let mut most = Self::default();
        for container in containers(pod, "initContainers") {
            let asked = Self::by(container);
            let stays = container.get("restartPolicy").and_then(Json::as_str) == Some("Always");
            if stays {
                total.add(&asked);
                before.add(&asked);
                most.raise(&before);
            } else {
                let mut now = Self::default();
                now.add(&before);
                now.add(&asked);
                most.raise(&now);
            }
        }
        total.raise(&most);
        total
    }

    fn add(&mut self, other: &Self) {
        for (name, amount) in &other.requests {
            let sum = self.requests.get(name).map_or(*amount, |own| *own + *amount);
            self.requests.insert(name.clone(), sum);
        }
        for (name, amount) in &other.limits {
            let sum = self.limits.get(name).map_or(*amount, |own| *own + *amount);
            self.limits.insert(name.clone(), sum);
        }
    }

    fn raise(&mut self, other: &Self) {
        for (own, other) in
            [(&mut self.requests, &other.requests), (&mut self.limits, &other.limits)]
        {
            for (name, amount) in other {
                let highest = own.get(name).map_or(*amount, |own| (*own).max(*amount));
                own.insert(name.clone(), highest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_asks_for_its_containers_together_or_for_the_largest_before_them() {
        let asks = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let mut side = asks("1");
        side["restartPolicy"] = "Always".into();
        let pod = json!({"spec": {"containers": [asks("1"), asks("2")],
            "initContainers": [side, asks("7")]}});
        let total = Asked::by_pod(&serde_json::from_value(pod).unwrap());
        assert_eq!(total.requests["cpu"], "8".parse().unwrap());
    }
}
