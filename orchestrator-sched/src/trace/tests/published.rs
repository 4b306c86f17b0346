//! The published figures, where the traces are at hand.

use std::path::{Path, PathBuf};

use super::*;

/// The published traces; `None`, said aloud, where they are missing.
fn openb_folder() -> Option<PathBuf> {
    let named = std::env::var_os("TRACES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    let folder = named.unwrap_or(beside).join("openb");
    let found = folder.join("published_unallocated_gpu.csv").exists();
    if !found {
        eprintln!("SKIPPED: no published traces; set TRACES to their folder");
    }
    found.then_some(folder)
}

/// Our names for the policies of the published table.
const PUBLISHED: [(&str, &str, f64); 6] = [
    ("01-Random", "random", 0.5),
    ("02-DotProd", "dot-product", 0.5),
    ("03-GpuClustering", "gpu-clustering", 0.9),
    ("04-GpuPacking", "gpu-packing", 0.9),
    ("05-BestFit", "best-fit", 0.5),
    ("06-FGD", "fragmentation-gradient", 0.5),
];

#[test]
fn the_published_figures_are_found_again() {
    let Some(folder) = openb_folder() else { return };
    let published = std::fs::read_to_string(folder.join("published_unallocated_gpu.csv")).unwrap();
    // One trace with one seed: the whole table takes minutes without optimisation.
    let workloads = [read::openb(&folder, "default").unwrap()];
    let mut plan = Plan::new(&workloads);
    plan.seeds.truncate(1);
    plan.contenders.retain(|c| PUBLISHED.iter().any(|(_, ours, _)| *ours == c.name()));
    let found = report::summaries(&plan.run(2, &|| {}));
    let mut compared = 0;
    for line in published.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let Some((_, ours, bound)) = PUBLISHED.iter().find(|(theirs, ..)| *theirs == fields[1])
        else {
            continue;
        };
        let demand: u32 = fields[2].parse().unwrap();
        let Some(found) = found
            .iter()
            .find(|s| s.workload == fields[0] && *s.policy == **ours && s.demand_percent == demand)
        else {
            continue;
        };
        // One seed strays from the mean of ten by twice their deviation at times.
        let deviation: f64 = fields[4].parse().unwrap();
        let (mean, bound) = (fields[3].parse::<f64>().unwrap(), bound + 2.0 * deviation);
        assert!(
            (found.unallocated.mean - mean).abs() <= bound,
            "{line}: found {:.2}",
            found.unallocated.mean
        );
        compared += 1;
    }
    assert_eq!(compared, 12);
}
