//! Descriptors that can be waited on, the only unsafe code of this crate.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Waits on `descriptor` by tokio.
///
/// # Errors
/// The kernel cannot wait on such a thing.
pub(crate) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` always gives the same descriptor, which is open as long as it lives, and
    // here it lives in what is returned.
    let registered = unsafe { AsyncFd::register(descriptor) };
    Ok(registered?)
}
