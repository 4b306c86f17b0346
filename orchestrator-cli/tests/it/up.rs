//! `orchestrator up` brings up the shop of the README, and takes everything down again.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kubectl::fetch;
use crate::server::{lines, terminate};

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/manifests/shop.yaml");

#[test]
fn the_shop_opens_serves_and_closes_without_leaving_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(["up", "-f", SHOP, "--bind", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = lines(up.stdout.take().unwrap());
    let mut text = String::new();
    while let Ok(line) = told.recv_timeout(Duration::from_secs(120)) {
        text.push_str(&line);
        text.push('\n');
        if line.contains("Ctrl-C") {
            break;
        }
    }
    assert!(text.contains("127.0.0.1:30080"), "the node port is told:\n{text}");
    let page = fetch("127.0.0.1:30080");
    assert!(page.contains("welcome to the shop") && page.contains("fresh bread"), "{page}");
    terminate(&up);
    assert!(up.wait().unwrap().success());
    let left = Command::new("pgrep").args(["-f", "welcome to the shop"]).output().unwrap();
    assert!(left.stdout.is_empty(), "processes are left behind");
}

#[test]
fn a_bad_manifest_is_told_with_its_place_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    let text = std::fs::read_to_string(SHOP).unwrap().replace("replicas: 3", "replicas: -3");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(["up", "--bind", "127.0.0.1:0", "--runtime", "simulated", "--data-dir"])
        .arg(folder.path().join("data"))
        .arg("-f")
        .arg(&file)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    for word in ["bad.yaml, document 5, line", "field spec.replicas", "nothing was applied"] {
        assert!(error.contains(word), "{word:?} is missing in:\n{error}");
    }
}
