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

fn replay(parts: &str, more: &[&str]) {
    let Some(folder) = recorded("transcripts") else { return };
    if !has("python3") {
        return;
    }
    let server = Server::start(parts, &[]);
    let output = Command::new("python3")
        .arg(folder.join("replay.py"))
        .args(["--server", &server.url, "--token", &server.token(), "--ca"])
        .arg(server.file("ca.crt"))
        .args(["--level", "0"])
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "some answers differ from the recorded ones");
}
