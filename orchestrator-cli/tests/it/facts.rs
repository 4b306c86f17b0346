//! Recorded single requests get the recorded answers, to the letter.

use std::process::Command;

use crate::server::{Server, has, recorded};

/// The share of lines that must agree, in percent.
const FLOOR: u32 = 99;

#[test]
fn single_requests_get_the_answers_of_a_real_server() {
    let Some(folder) = recorded("facts") else { return };
    if !has("python3") {
        return;
    }
    let server = Server::start("apiserver", &[]);
    // The facts were recorded with this account present and no controllers to make it.
    let account = r#"{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}"#;
    if has("kubectl") {
        server.kubectl_with(&["create", "-f", "-"], account).ok();
    }
    let output = Command::new("python3")
        .arg(folder.join("check.py"))
        .args(["--server", &server.url, "--token-file"])
        .arg(server.file("admin.token"))
        .arg("--ca")
        .arg(server.file("ca.crt"))
        .args([folder.join("defaults.jsonl"), folder.join("validation.jsonl")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    let (passed, failed) = counts(text.lines().last().unwrap_or_default());
    assert!(passed > 0, "the checker prints its counts last");
    let share = passed * 100 / (passed + failed);
    assert!(share >= FLOOR, "{share} % of the lines agree, fewer than {FLOOR} %");
}

/// The two numbers of `N passed, M failed, K skipped`.
fn counts(line: &str) -> (u32, u32) {
    let mut numbers = line.split(", ").map(|part| part.split(' ').next()?.parse().ok());
    let mut next = || numbers.next().flatten().unwrap_or(0);
    (next(), next())
}
