//! Volumes on a real disk.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

fn pod(volume: Value) -> Pod {
    let mut volume = volume;
    volume["name"] = "v".into();
    let meta = json!({"name": "p", "namespace": "n", "labels": {"a": "1", "b": "x y"}});
    let mount = |path: &str, sub: &str| json!({"name": "v", "mountPath": path, "subPath": sub});
    let mounts = json!([mount("/all", ""), mount("/part", "sub/dir")]);
    let spec = json!({"volumes": [volume], "containers": [{"name": "c", "volumeMounts": mounts}]});
    serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap()
}

fn material(data: Value) -> Material {
    let config_map = serde_json::from_value(json!({"data": data})).unwrap();
    let secret = serde_json::from_value(json!({"data": {"key": "czNjcmV0"}})).unwrap();
    Material {
        config_maps: [("c".into(), Arc::new(config_map))].into(),
        secrets: [("s".into(), Arc::new(secret))].into(),
        tokens: [(
            crate::material::TokenRequest { audience: String::new(), seconds: 3600 },
            "token".into(),
        )]
        .into(),
        ..Material::default()
    }
}

/// The visible files as `path=text` words, in order.
fn shown(dir: &Path) -> String {
    fn walk(dir: &Path, prefix: &str, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with("..") {
                continue;
            }
            let path = dir.join(&name);
            if path.is_dir() {
                walk(&path, &format!("{prefix}{name}/"), out);
            } else {
                out.push(format!("{prefix}{name}={}", std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    let mut words = Vec::new();
    walk(dir, "", &mut words);
    words.sort();
    words.join(" ")
}

fn volume_of(pod: &Pod) -> &Volume {
    &pod.spec.as_ref().unwrap().volumes.as_ref().unwrap()[0]
}

#[test]
fn each_kind_shows_its_files() {
    let data = json!({"k1": "one", "k2": "two"});
    let cases = [
        (json!({"configMap": {"name": "c"}}), "k1=one k2=two"),
        (json!({"configMap": {"name": "c", "items": [{"key": "k1", "path": "d/x"}]}}), "d/x=one"),
        (json!({"configMap": {"name": "none", "optional": true}}), ""),
        (json!({"secret": {"secretName": "s"}}), "key=s3cret"),
        (
            json!({"downwardAPI": {"items": [
                {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}),
            "labels=a=\"1\"\nb=\"x y\"",
        ),
        (
            json!({"projected": {"sources": [{"configMap": {"name": "c"}},
                {"secret": {"name": "s"}}, {"serviceAccountToken": {"path": "token"}}]}}),
            "k1=one k2=two key=s3cret token=token",
        ),
        (json!({"emptyDir": {}}), ""),
    ];
    for (volume, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let pod = pod(volume.clone());
        let volumes = Volumes::new(dir.path(), "u");
        volumes.set_up(&pod, volume_of(&pod), &material(data.clone())).unwrap();
        assert_eq!(shown(&dir.path().join("u/v")), expected, "{volume}");
        volumes.remove().unwrap();
        volumes.remove().unwrap();
    }
}

#[test]
fn a_volume_follows_its_source_and_keeps_what_is_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let pod = pod(json!({"configMap": {"name": "c", "defaultMode": 0o400}}));
    let volumes = Volumes::new(dir.path(), "u");
    let set_up = |data| volumes.set_up(&pod, volume_of(&pod), &material(data)).unwrap();
    let data = dir.path().join("u/v/..data");
    set_up(json!({"a": "1", "b": "2"}));
    let first = std::fs::read_link(&data).unwrap();
    set_up(json!({"a": "1", "b": "2"}));
    assert_eq!(std::fs::read_link(&data).unwrap(), first, "nothing changed");
    set_up(json!({"a": "3", "c": "4"}));
    assert_ne!(std::fs::read_link(&data).unwrap(), first);
    assert_eq!(shown(&dir.path().join("u/v")), "a=3 c=4");
    let mode = std::fs::metadata(dir.path().join("u/v/a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o400);
}

#[test]
fn what_cannot_be_shown_says_why() {
    let cases = [
        (json!({"configMap": {"name": "x"}}), "configmap \"x\" not found"),
        (json!({"secret": {"secretName": "x"}}), "secret \"x\" not found"),
        (
            json!({"configMap": {"name": "c", "items": [{"key": "k", "path": "x"}]}}),
            "references non-existent config key: k",
        ),
        (
            json!({"configMap": {"name": "c", "items": [{"key": "a", "path": "../x"}]}}),
            "invalid path \"../x\"",
        ),
        (json!({"nfs": {"server": "s", "path": "/"}}), "volume type is not supported by this node"),
        (
            json!({"hostPath": {"path": "/proc/version", "type": "Directory"}}),
            "hostPath type check failed: /proc/version is not a directory",
        ),
    ];
    for (volume, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let pod = pod(volume);
        let volumes = Volumes::new(dir.path(), "u");
        let error = volumes.set_up(&pod, volume_of(&pod), &material(json!({"a": "1"})));
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}

#[test]
fn sub_paths_are_made_and_stay_inside() {
    let dir = tempfile::tempdir().unwrap();
    let mut pod = pod(json!({"emptyDir": {}}));
    let volumes = Volumes::new(dir.path(), "u");
    volumes.set_up(&pod, volume_of(&pod), &Material::default()).unwrap();
    let container = pod.spec.as_ref().unwrap().containers[0].clone();
    let made = mounts(&pod, &container, &volumes, &[]).unwrap();
    let base = dir.path().canonicalize().unwrap().join("u/v");
    assert_eq!(made[1].host_path, base.join("sub/dir"));
    std::os::unix::fs::symlink("/", base.join("out")).unwrap();
    for bad in ["../x", "/etc", "out/etc"] {
        let container = &mut pod.spec.as_mut().unwrap().containers[0];
        container.volume_mounts.as_mut().unwrap()[1].sub_path = Some(bad.into());
        let container = container.clone();
        assert!(mounts(&pod, &container, &volumes, &[]).is_err(), "{bad}");
    }
}
