//! Seeds that have failed once. A row is added with the fix; `cargo xtask simulate --replay SEED`
//! shows what happens in it.

use super::{sound, survives};

/// The engine, the seed, and what was wrong.
const ROWS: [(&str, u64, &str); 2] = [
    ("durable", 25, "after a failed sync a restarted process synced the log without writing it"),
    ("durable", 99, "the same, where power fails in the middle of a batch"),
];

#[test]
fn seeds_that_have_failed_once_pass() {
    for (engine, seed, _why) in ROWS {
        survives(&sound(engine), seed..seed + 1);
    }
}
