//! Files that make sense, and files that do not.

use super::*;

#[test]
fn a_malformed_row_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.csv");
    let head = "kind,name,cpu_milli,memory_mib,gpus,gpu_milli,models\n";
    let good = "machine,m,64000,1024,4,,A10\ntask,t,4000,10,1,500,A10|H20\n";
    std::fs::write(&path, format!("{head}{good}")).unwrap();
    let workload = read::plain(&path).unwrap();
    assert_eq!((workload.machines.len(), workload.tasks[0].shape.models), (1, 1));
    for (row, expected) in [
        ("task,t,many,10,,,\n", "own.csv:4: cpu_milli: \"many\" is not a number"),
        ("task,t,1,10,2,500,\n", "own.csv:4: gpu_milli: only one GPU can be shared"),
        ("task,t,1,10,99,1000,\n", "own.csv:4: gpus: 99 is not within 0 and 16"),
        ("job,t,1,10,,,\n", "own.csv:4: kind: \"job\" is no machine and no task"),
        ("task,t,1,10,,,,9,9\n", "own.csv:4: 9 fields where there are 7 columns"),
    ] {
        std::fs::write(&path, format!("{head}{good}{row}")).unwrap();
        let why = read::plain(&path).unwrap_err().to_string();
        assert!(why.contains(expected), "{row}: {why}");
    }
    std::fs::write(&path, "name,cpu\nx,1\n").unwrap();
    assert!(read::plain(&path).unwrap_err().to_string().contains("no column \"kind\""));
    assert!(matches!(read::openb(folder.path(), "none"), Err(read::ReadError::File { .. })));
}
