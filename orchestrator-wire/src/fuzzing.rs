//! Fuzz targets: each takes any bytes and must come back without a panic.

use futures::executor::block_on;
use orchestrator_core::fuzzing::Target;

use crate::certificate::user_of_certificate;
use crate::session;

/// All targets, each with inputs to start from.
pub const TARGETS: &[Target] = &[
    Target::new(
        "session",
        fuzz_session,
        &[
            b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x09",
            b"\x00\x00\x00\x01\x01\x00\x00\x05hello",
            b"\x80\x03\x00\x01\x01\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00",
            b"\x82\x86\0\0\0\0\0hello\x82\x82\0\0\0\0\xff\0",
            b"\x82\x99\0\0\0\0\x04{\"Width\":80,\"Height\":24}",
            b"\x82\x06\x01hello\x82\x15\x03{\"status\":\"Success\"}",
        ],
    ),
    Target::new("certificate", fuzz_certificate, &[b"\x30\x82\x01\x02\x30\x81\xa9\xa0\x03"]),
];

/// Reads bytes as what either end of a session sends, in each protocol.
pub fn fuzz_session(bytes: &[u8]) {
    block_on(session::read_all(bytes));
}

/// Reads bytes as a client certificate.
pub fn fuzz_certificate(bytes: &[u8]) {
    let _ = user_of_certificate(bytes);
}
