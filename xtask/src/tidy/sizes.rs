//! Files stay small enough to be one thought.

use super::Source;

/// Lines past which a file needs a reason in [`REASONS`].
const NEEDS_A_REASON: usize = 800;

/// Files that are longer, and why.
const REASONS: [(&str, &str); 0] = [];

pub fn breaches(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.text.lines().count();
    let excused = |source: &Source| REASONS.iter().any(|(name, _)| *name == source.name());
    sources
        .iter()
        .filter(|source| lines(source) > NEEDS_A_REASON && !excused(source))
        .map(|source| {
            format!("{}: {} lines, more than {NEEDS_A_REASON}", source.name(), lines(source))
        })
        .collect()
}

/// How the files are distributed, in one line.
pub fn summary(sources: &[Source]) -> String {
    let mut lines: Vec<usize> = sources
        .iter()
        .filter(|source| !source.is_test())
        .map(|source| source.text.lines().count())
        .collect();
    lines.sort_unstable();
    let at = |percent: usize| lines.get(lines.len().saturating_sub(1) * percent / 100);
    let (median, ninth) = (at(50).copied().unwrap_or(0), at(90).copied().unwrap_or(0));
    let most = lines.last().copied().unwrap_or(0);
    format!(
        "{} files: half within {median} lines, nine in ten within {ninth}, longest {most}",
        lines.len()
    )
}
