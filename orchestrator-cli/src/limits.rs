//! Limits of the host on this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Opens as many files and sockets as the host allows: hosts give a process some 1,024 at first,
/// for the sake of old programs, and each connection to a Service takes two.
///
/// Containers of the process runtime inherit it, as they inherit a high limit elsewhere.
pub fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(before = ?current, now = ?maximum, "limit of open files raised"),
        Err(error) => tracing::warn!(%error, limit = ?current, "limit of open files stays"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
