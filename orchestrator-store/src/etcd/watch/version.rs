//! Which etcd tells the truth when it is asked for progress.

/// Whether an etcd of this version answers a demand for progress behind all changes that it covers.
///
/// Before (etcd issue 15220), the answer could overtake changes that were on their way; until pull
/// request 17557 it could stay away. Kubernetes draws the line at the same versions.
pub(super) fn progress_is_true(version: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+']).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    let patch = numbers.next().and_then(Result::ok).unwrap_or(0);
    match (major, minor) {
        (3, 4) => patch >= 31,
        (3, 5) => patch >= 13,
        (major, minor) => (major, minor) >= (3, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::progress_is_true;

    #[test]
    fn versions_are_told_apart() {
        for version in ["3.4.31", "3.5.13", "3.5.21", "3.6.0", "3.6.0-rc.1", "3.7.0", "4.0.0"] {
            assert!(progress_is_true(version), "{version}");
        }
        for version in ["3.4.23", "3.4.30", "3.5.12", "3.5.0-alpha", "3.3.27", "", "x.y"] {
            assert!(!progress_is_true(version), "{version}");
        }
    }
}
