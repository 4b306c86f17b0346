//! The order of versions: `v2` before `v1`, both before `v2beta1`, that before `v1alpha1`, and
//! what is called otherwise last.

use std::cmp::Ordering;

/// What a version's name says.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Other,
    Known { stage: u8, major: u64, minor: u64 },
}

fn rank(version: &str) -> Rank {
    let read = || {
        let rest = version.strip_prefix('v')?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..end].parse().ok()?;
        let (stage, minor) = match &rest[end..] {
            "" => (2, ""),
            rest => match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
                (Some(minor), _) => (1, minor),
                (_, Some(minor)) => (0, minor),
                _ => return None,
            },
        };
        let minor = if stage == 2 { 0 } else { minor.parse().ok()? };
        Some(Rank::Known { stage, major, minor })
    };
    read().unwrap_or(Rank::Other)
}

/// Which of two versions comes first in discovery.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    rank(b).cmp(&rank(a)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_their_maturity() {
        let mut versions =
            ["v1alpha1", "foo1", "v10", "v1", "v2beta2", "v11beta2", "v3beta10", "foo10", "v2"];
        versions.sort_by(|a, b| order(a, b));
        assert_eq!(
            versions,
            ["v10", "v2", "v1", "v11beta2", "v3beta10", "v2beta2", "v1alpha1", "foo1", "foo10"]
        );
    }
}
