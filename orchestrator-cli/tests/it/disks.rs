//! Disks that are full sooner than those of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use orchestrator::core::Env;
use orchestrator::store::Operator;
use orchestrator::store::operator::{AlarmKind, AlarmOp};

use crate::members::SOON;

/// A small file system in memory, gone when this is dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// `None`, with a word about it, where this user may not mount.
    pub fn mount(folder: &Path, bytes: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let options = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: mounting a small disk needs root");
            return None;
        }
        Some(Self(folder.to_owned()))
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Makes it larger.
    pub fn grow(&self, bytes: &str) {
        let options = format!("remount,size={bytes}");
        let grown = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Waits until the store says that its disk is full.
pub async fn full(store: &dyn Operator, env: &Env) {
    let full = async {
        loop {
            match store.alarm(AlarmOp::List).await {
                Ok(alarms) if alarms.iter().any(|alarm| alarm.kind == AlarmKind::NoSpace) => break,
                _ => env.sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(SOON, full).await.expect("an alarm is raised");
}
