//! Compiles the wire messages of `proto/`, in Rust alone, where a feature speaks gRPC.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    if std::env::var_os("CARGO_FEATURE_GRPC").is_none() {
        return Ok(());
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir("proto")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    let messages = protox::compile(&files, ["proto"])?;
    // `bytes` fields share the buffer that a message came in.
    tonic_prost_build::configure().bytes(".").compile_fds(messages)?;
    Ok(())
}
