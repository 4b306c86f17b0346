//! ImageLocality: pods go where their images are.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};

use crate::framework::{BuiltIn, Cycle, MAX_SCORE, Plugin, Points, Reads, Score, ScorePlugin};

const MIB: i64 = 1024 * 1024;

/// Images that sum up to less are not worth a preference.
const MIN_BYTES: i64 = 23 * MIB;

/// More bytes per container than this do not count.
const MAX_BYTES_PER_CONTAINER: i64 = 1000 * MIB;

/// Prefers nodes that have large images of the pod already.
///
/// An image counts by its size and by the part of the nodes that have it, so that not all pods
/// go to the one node that pulled it first.
#[derive(Debug)]
pub struct ImageLocality;

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl ScorePlugin for ImageLocality {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        let Some(spec) = cycle.pod.spec() else { return Score::skip() };
        let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
        let nodes = cycle.snapshot.nodes().len() as f64;
        let images: Vec<(String, f64)> = containers
            .map(|container| {
                let name = with_tag(container.image.as_deref().unwrap_or_default());
                let spread = cycle.snapshot.nodes_with_image(&name) as f64 / nodes;
                (name, spread)
            })
            .collect();
        let most = MAX_BYTES_PER_CONTAINER * images.len() as i64;
        Score::each(move |node| {
            let size = |(name, spread): &(String, f64)| {
                node.images.get(name).map_or(0, |size| (*size as f64 * spread) as i64)
            };
            let sum = images.iter().map(size).sum::<i64>();
            if most <= MIN_BYTES {
                return 0;
            }
            MAX_SCORE * (sum.clamp(MIN_BYTES, most) - MIN_BYTES) / (most - MIN_BYTES)
        })
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Images)
    }
}

/// How many nodes have each of the pod's images.
pub(crate) fn image_spread(pod: &PodInfo, snapshot: &Snapshot) -> Vec<usize> {
    let Some(spec) = pod.spec() else { return Vec::new() };
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let names =
        containers.map(|container| with_tag(container.image.as_deref().unwrap_or_default()));
    names.map(|name| snapshot.nodes_with_image(&name)).collect()
}

/// The name as nodes report it: with `:latest` where it has neither tag nor digest.
fn with_tag(image: &str) -> String {
    let tag = image.rfind(':').map_or(-1, |at| at as i64);
    let last_part = image.rfind('/').map_or(-1, |at| at as i64);
    if tag <= last_part { format!("{image}:latest") } else { image.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, pod, scores};
    use serde_json::json;

    #[test]
    fn large_images_that_are_spread_count() {
        let with = |name: &str, size: i64| {
            let images = json!([{"names": ["web:latest"], "sizeBytes": size}]);
            node(name, json!({"status": {"images": images}}))
        };
        let nodes = [
            with("a", 1000 * MIB),
            with("b", 1000 * MIB),
            node("c", json!({})),
            node("d", json!({})),
        ];
        let wants = pod("p", json!({"containers": [{"name": "c", "image": "web"}]}));
        assert_eq!(scores(&ImageLocality, &wants, &nodes), [48, 48, 0, 0]);
        assert_eq!(scores(&ImageLocality, &wants, &[with("a", 10 * MIB)]), [0]);
    }

    #[test]
    fn names_without_a_tag_mean_the_latest() {
        for (name, expected) in [
            ("web", "web:latest"),
            ("web:1", "web:1"),
            ("host:5000/web", "host:5000/web:latest"),
            ("host:5000/web@sha256:00", "host:5000/web@sha256:00"),
        ] {
            assert_eq!(with_tag(name), expected);
        }
    }
}
