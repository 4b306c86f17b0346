//! Recorded requests get the recorded answers.

use std::process::Command;

use crate::server::{Server, has, recorded};

#[test]
fn the_basic_transcripts_of_a_real_server_replay_without_a_difference() {
    replay("apiserver", &["--needs", "apiserver"]);
}

#[test]
fn the_basic_transcripts_replay_beside_controllers_too() {
    replay("apiserver,controllers", &["--needs", "kcm"]);
}

#[test]
fn custom_resources_are_those_of_a_real_server() {
    replay_of("apiserver", &["--topic", "crd", "--level", "0,1", "--needs", "apiserver"]);
}

#[test]
fn admission_is_that_of_a_real_server() {
    let which = ["--topic", "admission", "--level", "0,1", "--needs", "apiserver"];
    replay_of("apiserver", &which);
}

#[test]
fn rights_are_those_of_a_real_server() {
    replay_of("apiserver", &["--topic", "auth", "--needs", "apiserver"]);
}

#[test]
fn applied_objects_are_merged_as_by_a_real_server() {
    replay_of("apiserver", &["--only", "apply-*", "--only", "smp-*"]);
}

#[test]
fn certificates_addresses_and_parts_of_pods_are_those_of_a_real_server() {
    replay_of("apiserver", &["--only", "csr", "--only", "svc-cidr", "--only", "pod-proxy-log"]);
}

#[test]
fn controllers_do_what_those_of_a_real_cluster_do() {
    replay_of("apiserver,controllers", &["--needs", "kcm", "--level", "1,2"]);
}

/// Replays the transcripts of level 0.
fn replay(parts: &str, more: &[&str]) {
    replay_of(parts, &[&["--level", "0"], more].concat());
}

/// Replays the transcripts that `which` names.
fn replay_of(parts: &str, which: &[&str]) {
    let Some(folder) = recorded("transcripts") else { return };
    if !has("python3") {
        return;
    }
    let server = Server::start(parts, &[]);
    let output = Command::new("python3")
        .arg(folder.join("replay.py"))
        .args(["--server", &server.url, "--token", &server.token(), "--ca"])
        .arg(server.file("ca.crt"))
        .args(which)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "some answers differ from the recorded ones");
}
