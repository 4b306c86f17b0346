//! Compiles the wire messages of `proto/`, in Rust alone.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut files: Vec<PathBuf> = std::fs::read_dir("proto")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    let messages = protox::compile(&files, ["proto"])?;
    let build = tonic_prost_build::configure().build_server(false);
    build.bytes(".containerd.services.content").compile_fds(messages)?;
    Ok(())
}
