//! The pause image: the process that holds a pod's namespaces.
//!
//! It does nothing until it is killed, and as the first process of a shared process namespace it
//! must not leave ended children behind. So it is three system calls and no more, and stands alone:
//! say that ended children are of no interest, then pause for ever.

use super::build::{Built, build};
use super::spec::{FileSpec, ImageSpec};
use super::{ImageError, elf};

/// The number of the processor x86-64 in the header of a program.
const X86_64: u16 = 62;

/// The program for x86-64.
#[rustfmt::skip]
const CODE_X86_64: &[u8] = &[
    0xb8, 13, 0, 0, 0,               // rax = rt_sigaction
    0xbf, 17, 0, 0, 0,               // rdi = SIGCHLD
    0x48, 0x8d, 0x35, 19, 0, 0, 0,   // rsi = the action below
    0x31, 0xd2,                      // rdx = null: what was before does not matter
    0x41, 0xba, 8, 0, 0, 0,          // r10 = the bytes of a set of signals
    0x0f, 0x05,                      // call
    0xb8, 34, 0, 0, 0,               // rax = pause
    0x0f, 0x05,                      // call
    0xeb, 0xf7,                      // and again
    1, 0, 0, 0, 0, 0, 0, 0,          // handler: ignore
    3, 0, 0, 0, 0, 0, 0, 0,          // flags: no stopped children, no ended ones
    0, 0, 0, 0, 0, 0, 0, 0,          // restorer: none
    0, 0, 0, 0, 0, 0, 0, 0,          // mask: none
];

/// The image.
///
/// # Errors
/// There is none for this processor.
pub(super) fn image() -> Result<Built, ImageError> {
    let program = match std::env::consts::ARCH {
        "x86_64" => elf::program(X86_64, CODE_X86_64),
        other => return Err(ImageError::Architecture(other)),
    };
    let file = FileSpec {
        bytes: program,
        path: "/pause".into(),
        mode: "0755".into(),
        ..FileSpec::default()
    };
    let entrypoint = vec!["/pause".to_owned()];
    build(&ImageSpec { files: vec![file], entrypoint, ..ImageSpec::default() })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn it_waits_until_it_is_killed() {
        if std::env::consts::ARCH != "x86_64" {
            return eprintln!("SKIPPED: the program is for x86-64");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pause");
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path);
        file.unwrap().write_all(&elf::program(X86_64, CODE_X86_64)).unwrap();
        let mut pause = Command::new(path).spawn().unwrap();
        // It can be asked how it is as soon as it runs, and what it does then is wait.
        assert!(pause.try_wait().unwrap().is_none());
        pause.kill().unwrap();
        assert_eq!(pause.wait().unwrap().signal(), Some(9));
    }
}
