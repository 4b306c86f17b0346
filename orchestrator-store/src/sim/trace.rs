//! What happened in a run: a number that stands for all of it, and the lines where they are wanted.
//!
//! Two runs of one seed must give the same number; where they do not, the lines tell from where on.

use std::fmt::Write;

/// A running hash (FNV-1a, 64 bits): no protection, a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Takes in `bytes`, and that they end here.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.0 = bytes.iter().chain(&[0xff]).fold(self.0, mix);
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// The trace of one run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    digest: Digest,
    count: u64,
    lines: Option<Vec<String>>,
    scratch: String,
}

impl Trace {
    /// A trace that keeps its lines where `keep`; otherwise only their hash.
    pub fn new(keep: bool) -> Self {
        Self { lines: keep.then(Vec::new), ..Self::default() }
    }

    /// Adds a line.
    pub fn add(&mut self, line: std::fmt::Arguments<'_>) {
        self.scratch.clear();
        self.scratch.write_fmt(line).expect("a string takes everything");
        self.digest.add(self.scratch.as_bytes());
        self.count += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(self.scratch.clone());
        }
    }

    /// The number that stands for all lines.
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// How many lines there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The lines, where they are kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_depends_on_every_line_and_on_their_order() {
        let digest = |lines: &[&str]| {
            let mut trace = Trace::new(false);
            lines.iter().for_each(|line| trace.add(format_args!("{line}")));
            trace.digest()
        };
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
        assert_ne!(digest(&["a", "b"]), digest(&["b", "a"]));
        assert_ne!(digest(&["ab"]), digest(&["a", "b"]));
    }
}
