//! Programs as files (ELF, 64 bits, little-endian): what one needs to be loaded, and the smallest
//! one that can be written.

/// The types of segments, and of entries of the dynamic one, that matter here.
const LOAD: u64 = 1;
const DYNAMIC: u64 = 2;
const INTERPRETER: u64 = 3;
const NEEDED: u64 = 1;
const STRINGS: u64 = 5;

/// The sizes of the headers.
const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;

/// Where a program is in memory.
const BASE: u64 = 0x40_0000;

/// What a program needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Elf {
    pub(super) loader: Option<String>,
    pub(super) needed: Vec<String>,
}

/// One part of a file that has a place in memory.
#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: u64,
    offset: u64,
    address: u64,
    /// How many bytes it has in the file.
    in_file: u64,
}

/// Reads what a program needs; nothing, for one that stands alone.
///
/// # Errors
/// It is no such program.
pub(super) fn read(file: &[u8]) -> Result<Elf, &'static str> {
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return Err("it is no program of 64 bits");
    }
    let cut = "the file ends too soon";
    let segments = segments(file).ok_or(cut)?;
    let mut elf = Elf::default();
    if let Some(segment) = segments.iter().find(|segment| segment.kind == INTERPRETER) {
        elf.loader = Some(text(file, segment.offset).ok_or(cut)?);
    }
    let Some(dynamic) = segments.iter().find(|segment| segment.kind == DYNAMIC) else {
        return Ok(elf);
    };
    let entries = (0..dynamic.in_file / 16).map_while(|index| {
        let at = dynamic.offset.checked_add(index * 16)?;
        Some((word(file, at, 8)?, word(file, at + 8, 8)?))
    });
    let entries: Vec<(u64, u64)> = entries.take_while(|(tag, _)| *tag != 0).collect();
    let strings = entries.iter().find(|(tag, _)| *tag == STRINGS);
    let Some((_, strings)) = strings else { return Ok(elf) };
    let home = segments.iter().find(|segment| {
        segment.kind == LOAD
            && (segment.address..segment.address.saturating_add(segment.in_file)).contains(strings)
    });
    let home = home.ok_or("its names are nowhere")?;
    let strings = strings - home.address + home.offset;
    for (_, name) in entries.iter().filter(|(tag, _)| *tag == NEEDED) {
        elf.needed.push(text(file, strings.checked_add(*name).ok_or(cut)?).ok_or(cut)?);
    }
    Ok(elf)
}

/// Cuts off what is only for debuggers: what follows the parts that are loaded.
///
/// # Errors
/// It is no such program.
pub(super) fn strip(mut file: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    read(&file)?;
    let segments = segments(&file).ok_or("the file ends too soon")?;
    let ends = segments.iter().map(|segment| segment.offset.saturating_add(segment.in_file));
    let end = ends.max().and_then(|end| usize::try_from(end).ok()).unwrap_or(file.len());
    if end < file.len() && end >= HEADER_BYTES {
        file.truncate(end);
        // There is no table of sections any more: neither its place nor its length nor its names.
        file[40..48].fill(0);
        file[60..64].fill(0);
    }
    Ok(file)
}

fn segments(file: &[u8]) -> Option<Vec<Segment>> {
    let (start, count) = (word(file, 32, 8)?, word(file, 56, 2)?);
    (0..count)
        .map(|index| {
            let at = start.checked_add(index * SEGMENT_BYTES as u64)?;
            Some(Segment {
                kind: word(file, at, 4)?,
                offset: word(file, at + 8, 8)?,
                address: word(file, at + 16, 8)?,
                in_file: word(file, at + 32, 8)?,
            })
        })
        .collect()
}

fn word(file: &[u8], at: u64, bytes: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let part = file.get(at..at.checked_add(bytes)?)?;
    let mut word = [0; 8];
    word[..bytes].copy_from_slice(part);
    Some(u64::from_le_bytes(word))
}

fn text(file: &[u8], at: u64) -> Option<String> {
    let rest = file.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

/// A program for `machine` that consists of `code`, which begins at its first byte.
pub(super) fn program(machine: u16, code: &[u8]) -> Vec<u8> {
    let start = HEADER_BYTES + SEGMENT_BYTES;
    let length = (start + code.len()) as u64;
    let mut file = Vec::with_capacity(start + code.len());
    file.extend_from_slice(b"\x7fELF\x02\x01\x01");
    file.resize(16, 0);
    let mut put = |value: u64, bytes: usize| file.extend_from_slice(&value.to_le_bytes()[..bytes]);
    put(2, 2); // A program.
    put(machine.into(), 2);
    put(1, 4);
    put(BASE + start as u64, 8);
    put(HEADER_BYTES as u64, 8);
    put(0, 8); // No sections.
    put(0, 4);
    put(HEADER_BYTES as u64, 2);
    put(SEGMENT_BYTES as u64, 2);
    put(1, 2); // One segment.
    put(0, 2);
    put(0, 2);
    put(0, 2);
    put(LOAD, 4);
    put(5, 4); // To be read and run.
    put(0, 8);
    put(BASE, 8);
    put(BASE, 8);
    put(length, 8);
    put(length, 8);
    put(0x1000, 8);
    file.extend_from_slice(code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_needs_nothing() {
        assert_eq!(read(&program(62, &[0x90])), Ok(Elf::default()));
    }

    #[test]
    fn a_stripped_program_still_runs() {
        let dir = tempfile::tempdir().unwrap();
        let whole = std::fs::read("/bin/true").unwrap();
        let mut padded = whole.clone();
        padded.extend_from_slice(&[7; 5000]);
        let stripped = strip(padded).unwrap();
        assert!(stripped.len() <= whole.len());
        assert_eq!(read(&stripped).unwrap(), read(&whole).unwrap());
        let path = dir.path().join("true");
        std::fs::write(&path, stripped).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        assert!(std::process::Command::new(path).status().unwrap().success());
    }

    #[test]
    fn files_that_are_no_programs_are_refused() {
        for bad in [&b""[..], b"#!/bin/sh", b"\x7fELF\x01\x01", b"\x7fELF\x02\x01\x01"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for length in (0..2000).step_by(7) {
            // Cut anywhere it is refused or understood, and never a panic.
            let _ = read(&whole[..length]);
        }
    }
}
