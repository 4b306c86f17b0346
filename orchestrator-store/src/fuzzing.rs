//! Fuzz targets: what a store reads from a disk or from other members.

use orchestrator_core::fuzzing::Target;

use crate::{image, wire};

/// The targets of commands, answers, images, checkpoints, the log, and what members say.
pub const TARGETS: &[Target] = &[
    Target::new("store_command", wire::fuzzing::fuzz_command, COMMANDS),
    Target::new(
        "store_answer",
        wire::fuzzing::fuzz_answer,
        &[
            b"\x01\x00\x05\x01\x02\x01\x01\x01a\x01v\x02\x03\x01\x00\x02\x00",
            b"\x01\x01\x01\x0e\x05\x00\x04\x00\x01\x01a",
            b"\x01\x03\x02\x0fkey is too long",
        ],
    ),
    Target::new("store_image", image::fuzzing::fuzz_image, &[b"\x08\x00\x00\x00????\x00\x01"]),
    Target::new(
        "store_image_records",
        image::fuzzing::fuzz_records,
        &[b"\x00\x01\x01\x03\x00\x00\x01\x0e\x05\x00\x09\x00\x04\x01a\x01v\x0e\x06\x05\x01a\x06\x07\x06"],
    ),
    #[cfg(feature = "durable")]
    Target::new("store_segment", crate::wal::fuzzing::fuzz_segment, COMMANDS),
    #[cfg(feature = "durable")]
    Target::new("store_entry", crate::durable::fuzzing::fuzz_entry, COMMANDS),
    #[cfg(feature = "durable")]
    Target::new("store_checkpoint", crate::checkpoint::fuzzing::fuzz_checkpoint, &[]),
    #[cfg(feature = "durable")]
    Target::new("store_record", crate::checkpoint::fuzzing::fuzz_record, &[]),
    #[cfg(feature = "raft")]
    Target::new("store_member_message", crate::raft::fuzzing::fuzz_member_message, &[b"\x02", b"\x08"]),
    #[cfg(feature = "raft")]
    Target::new("store_member_state", crate::raft::fuzzing::fuzz_image_state, &[]),
];

/// A put behind a condition, and requests about leases.
const COMMANDS: &[&[u8]] = &[
    b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\x00\x01\x00\x01a\x00\x02\x00\x01\x01\x01a\x01\x01v\x01\x00\x00",
    b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x0e\x05\x00",
    b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\x03\x07",
];

#[cfg(test)]
mod tests {
    use orchestrator_core::fuzzing::driver;

    #[test]
    fn changed_inputs_do_no_harm() {
        assert_eq!(driver::run(super::TARGETS, 1, 400), Ok(()));
    }

    /// A seed that is refused would lead nowhere.
    #[test]
    fn the_commands_to_start_from_are_commands() {
        for seed in super::COMMANDS {
            let bytes = bytes::Bytes::from_static(seed);
            assert!(crate::wire::decode_command(bytes).is_ok(), "{seed:?}");
        }
    }
}
