//! What an etcd of some version is to be trusted with.

/// What the version of a server tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// It answers a demand for progress behind all changes that the answer covers.
    ///
    /// Before, the answer could overtake changes that were on their way (etcd issue 15220), and
    /// until pull request 17557 stay away. Kubernetes draws the line at the same versions.
    pub(super) true_progress: bool,
    /// It still tells of a deletion in the very revision that was compacted last (etcd issue
    /// 18089). Before, a watch that began there missed it.
    pub(super) last_deletion: bool,
}

impl Traits {
    pub(super) fn of(version: &str) -> Self {
        let mut numbers = version.split(['.', '-', '+']).map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok);
        let (Some(major), Some(minor), patch) = (next(), next(), next().unwrap_or(0)) else {
            return Self { true_progress: false, last_deletion: false };
        };
        let since = |of_3_4: u32, of_3_5: u32| match (major, minor) {
            (3, 4) => patch >= of_3_4,
            (3, 5) => patch >= of_3_5,
            later => later >= (3, 6),
        };
        Self { true_progress: since(31, 13), last_deletion: since(34, 16) }
    }
}

#[cfg(test)]
mod tests {
    use super::Traits;

    #[test]
    fn versions_are_told_apart() {
        for version in ["3.4.34", "3.5.16", "3.5.21", "3.6.0", "3.6.0-rc.1", "3.7.0", "4.0.0"] {
            let traits = Traits::of(version);
            assert!(traits.true_progress && traits.last_deletion, "{version}");
        }
        for version in ["3.4.31", "3.4.33", "3.5.13", "3.5.15"] {
            let traits = Traits::of(version);
            assert!(traits.true_progress && !traits.last_deletion, "{version}");
        }
        for version in ["3.4.23", "3.4.30", "3.5.12", "3.5.0-alpha", "3.3.27", "", "x.y"] {
            let traits = Traits::of(version);
            assert!(!traits.true_progress && !traits.last_deletion, "{version}");
        }
    }
}
