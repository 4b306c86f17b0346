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
