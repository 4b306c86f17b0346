//! member, endpoint, alarm, defrag, snapshot, check.

use std::io::Read;

use orchestrator_store::face::snapshot;
use tempfile::TempDir;

use super::runner::Ctl;

#[tokio::test]
async fn the_cluster_tells_how_it_is() {
    let Some(ctl) = Ctl::memory().await else { return };
    let endpoint = format!("http://{}", ctl.served.address);
    assert_eq!(ctl.ok("member list").await, "1, started, memory, , , false\n");
    let status = ctl.ok("endpoint status").await;
    assert!(status.starts_with(&format!("{endpoint}, 1, 3.5.")), "{status}");
    assert!(status.contains(", true, false, 1, "), "{status}");
    let health = ctl.run("endpoint health", "").await;
    let told = [health.stdout, health.stderr].concat();
    let told = String::from_utf8(told).unwrap();
    assert!(health.status.success() && told.contains("is healthy"), "{told}");
    ctl.ok("put a 1").await;
    let (one, two) = (ctl.ok("endpoint hashkv --rev 2").await, ctl.ok("endpoint hashkv").await);
    assert_eq!(one, two);
    ctl.ok("put a 1").await;
    assert_ne!(ctl.ok("endpoint hashkv").await, two);
    assert_eq!(ctl.ok("alarm list").await, "");
    assert_eq!(ctl.ok("alarm disarm").await, "");
    assert!(ctl.ok("defrag").await.starts_with("Finished defragmenting etcd member"));
    let moved = ctl.ok("move-leader 1").await;
    assert_eq!(moved, "Leadership transferred from 1 to 1\n");
}

#[tokio::test]
async fn a_snapshot_is_saved_and_holds_the_engines_image() {
    let Some(ctl) = Ctl::memory().await else { return };
    for number in 0..300 {
        ctl.served.clients().await.kv.put(put(number)).await.unwrap();
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("saved");
    let printed = ctl.ok(&format!("snapshot save {}", path.display())).await;
    assert!(printed.contains("Snapshot saved at"), "{printed}");
    let mut image = Vec::new();
    let file = std::fs::File::open(&path).unwrap();
    snapshot::open(file).unwrap().read_to_end(&mut image).unwrap();
    let mut importer =
        orchestrator_store::image::Importer::new(orchestrator_store::Limits::default());
    importer.push(image.into()).unwrap();
    let (mvcc, _) = importer.finish().unwrap();
    assert_eq!(mvcc.revision().get(), 301);
}

fn put(number: u32) -> orchestrator_store::proto::etcd::PutRequest {
    orchestrator_store::proto::etcd::PutRequest {
        key: format!("key/{number}").into(),
        value: vec![b'v'; 500].into(),
        ..Default::default()
    }
}

#[tokio::test]
#[ignore = "the program measures for a minute"]
async fn the_performance_check_passes() {
    let Some(ctl) = Ctl::memory().await else { return };
    let printed = ctl.ok("check perf --load s").await;
    assert!(printed.contains("PASS: Throughput is"), "{printed}");
}
