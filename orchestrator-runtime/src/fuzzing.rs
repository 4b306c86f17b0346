//! Fuzz targets: each takes any bytes and must come back without a panic.

use orchestrator_core::fuzzing::Target;
use orchestrator_logs::Line;

use crate::environment::expand;
use crate::kubelet::fuzz_request;

/// All targets, each with inputs to start from.
pub const TARGETS: &[Target] = &[
    Target::new(
        "kubelet",
        fuzz_request,
        &[
            b"/containerLogs/a/b/c?follow=true&tailLines=5&sinceTime=2026-01-01T00:00:00Z",
            b"/exec/a/b/c%20d?command=sh&command=-c&input=1&output=1&error=1&tty=1",
            b"/portForward/a/b?port=80,443&port=1",
        ],
    ),
    Target::new(
        "log_line",
        fuzz_log_line,
        &[
            b"2026-01-01T00:00:00.000000000Z stdout F hello",
            b"2026-01-01T00:00:00Z stderr P:x half",
        ],
    ),
    Target::new("expand", fuzz_expand, &[b"$(A) $$(B) $(C", b"a$(A)$($(A))$$"]),
];

/// Reads bytes as a line of a log file.
pub fn fuzz_log_line(bytes: &[u8]) {
    if let Some(line) = Line::parse(bytes) {
        let _ = line.timestamp();
        let mut written = Vec::new();
        line.write(&mut written);
        let read = Line::parse(written.strip_suffix(b"\n").unwrap_or(&written));
        assert_eq!(read, Some(line), "{written:?}");
    }
}

/// Expands references to variables.
pub fn fuzz_expand(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let expanded = expand(&text, |name| (name == "A").then(|| "value".to_owned()));
    assert!(expanded.len() <= text.len() * 2 + "value".len() * text.len());
}
