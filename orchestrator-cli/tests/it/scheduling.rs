//! `scheduler check` and `bench trace`: decisions without a cluster.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_orchestrator")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn recordings_are_compared_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let case = |id: &str, best: &str| {
        let node = r#"{"metadata":{"name":"a"},"status":{"allocatable":{"pods":"1"}}}"#;
        let pod = r#"{"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[]}}"#;
        let expect = format!(r#"{{"feasible":["a"],"best":["{best}"]}}"#);
        format!(r#"{{"id":"{id}","nodes":[{node}],"incoming":{pod},"expect":{expect}}}"#)
    };
    let path = folder.path().join("cases.jsonl");
    let file = path.to_str().unwrap();
    std::fs::write(&path, case("right", "a")).unwrap();
    let output = run(&["scheduler", "check", file]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "1 passed, 0 failed\n".into())
    );
    std::fs::write(&path, format!("{}\n{}\n", case("right", "a"), case("wrong", "b"))).unwrap();
    let output = run(&["scheduler", "check", file]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told.contains("cases.jsonl:2 wrong: best") && told.ends_with("1 passed, 1 failed\n"),
        "{told}"
    );

    let config = folder.path().join("config.yaml");
    std::fs::write(&config, "apiVersion: v1\nkind: Pod\n").unwrap();
    let output = run(&["scheduler", "check", "--config", config.to_str().unwrap(), file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("config.yaml"), "{}", text(&output.stderr));
}

#[test]
fn a_generated_workload_is_placed_and_told_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (csv, svg, markdown) = (path("runs.csv"), path("plot.svg"), path("table.md"));
    let output = run(&[
        "bench",
        "trace",
        "--policy",
        "best-fit,gpu-packing",
        "--seeds",
        "1..2",
        "--demand",
        "50",
        "--csv",
        &csv,
        "--plot",
        &svg,
        "--markdown",
        &markdown,
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("| workload | demand % | best-fit | gpu-packing |"), "{told}");
    assert_eq!(std::fs::read_to_string(csv).unwrap().lines().count(), 1 + 2 * 2);
    assert!(std::fs::read_to_string(svg).unwrap().contains("gpu-packing"));
    let written = std::fs::read_to_string(markdown).unwrap();
    let mut rows = told.lines().filter(|line| line.starts_with('|'));
    assert!(rows.all(|row| written.contains(row)), "{told} is not in {written}");

    let output = run(&["bench", "trace", "--policy", "none"]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(&["bench", "trace", "--trace", &path("missing.csv")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("missing.csv"), "{}", text(&output.stderr));
}
