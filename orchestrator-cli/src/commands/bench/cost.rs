//! What processes have cost so far, from `/proc`.

use std::io;
use std::time::Duration;

/// How long a tick of `/proc` is: a hundredth of a second on every architecture.
const MS_PER_TICK: u64 = 10;

/// The CPU time of a process with all its threads.
///
/// # Errors
/// The process is gone.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Duration::from_millis(ticks * MS_PER_TICK))
}

/// The bytes of memory that a process holds.
///
/// # Errors
/// The process is gone.
pub fn resident_of(pid: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kib.ok_or(io::ErrorKind::InvalidData)? * 1024)
}

/// The 14th and 15th word of `/proc/PID/stat`: the second is a name in brackets, in which anything
/// may stand.
fn ticks(stat: &str) -> Option<u64> {
    let after = &stat[stat.rfind(')')? + 2..];
    let mut words = after.split(' ').skip(11).map(str::parse::<u64>);
    Some(words.next()?.ok()? + words.next()?.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "12 (a ) b) S 1 12 12 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 1 0 100 0 0";
        assert_eq!(ticks(stat), Some(12));
        assert_eq!(ticks("no brackets"), None);
        assert!(cpu(std::process::id()).is_ok() && resident_of(std::process::id()).unwrap() > 0);
    }
}
