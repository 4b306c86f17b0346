//! Real containers: which containerd runs them, and their images.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::networking::NodeNetworking;

/// Which containerd runs the containers of `--runtime containerd`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Containers")]
pub struct Containers {
    /// The program of the containerd that the node starts for itself; without it, the one on the
    /// PATH.
    #[arg(long, value_name = "PATH")]
    pub containerd: Option<PathBuf>,

    /// Use the containerd that runs at this socket instead of starting one.
    #[arg(long, value_name = "PATH", conflicts_with = "containerd")]
    pub containerd_socket: Option<PathBuf>,

    /// Import the images of this archive first (OCI or docker); may be repeated.
    #[arg(long = "image", value_name = "FILE")]
    pub images: Vec<PathBuf>,

    #[command(flatten)]
    pub networking: NodeNetworking,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum Image {
    /// Build an image from a specification: an archive that every tool for images reads.
    #[command(after_help = "The specification is YAML:
  name: example/app:1
  files:
  - {from: target/release/app, path: /bin/app, withLibraries: true}
  - {from: public, path: /srv}
  - {path: /bin/sh, link: app}
  entrypoint: [/bin/app]
  env: [PORT=8080]
Paths after `from` are relative to the specification.")]
    Build(Build),
    /// Import the images of an archive into a node's containerd.
    Import(Import),
    /// List the images of a node's containerd.
    List(NodeImages),
}

/// What to build.
#[derive(Args, Debug)]
pub struct Build {
    /// The specification.
    #[arg(value_name = "SPEC", required_unless_present = "toolbox")]
    pub spec: Option<PathBuf>,

    /// Build the image of this program and a shell, which examples name `orchestrator/toolbox:1`.
    #[arg(long, conflicts_with = "spec")]
    pub toolbox: bool,

    /// The archive to write.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// The image's name, in place of the specification's.
    #[arg(short, long)]
    pub name: Option<String>,
}

/// What to import.
#[derive(Args, Debug)]
pub struct Import {
    /// The archive: OCI or docker, packed by gzip or not.
    pub archive: PathBuf,

    /// The name of images that the archive does not name.
    #[arg(short, long)]
    pub name: Option<String>,

    #[command(flatten)]
    pub node: NodeImages,
}

/// Whose images.
#[derive(Args, Debug)]
pub struct NodeImages {
    /// The node's data directory.
    #[arg(long, default_value = "orchestrator-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// The node's name; the host's name where it is not given.
    #[arg(long)]
    pub node_name: Option<String>,

    /// The socket of the containerd, in place of the node's own.
    #[arg(long, value_name = "PATH")]
    pub containerd_socket: Option<PathBuf>,
}
