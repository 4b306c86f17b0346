//! `orchestrator image`: images built, imported, listed.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use orchestrator::containerd::image::{self, Archive, ImageSpec};
use orchestrator::containerd::{Link, list_images};
use orchestrator::core::{BoxError, Env};
use orchestrator::runtime::agent::host_name;

use crate::UsageError;
use crate::args::{Build, Image, Import, NodeImages};

/// The image of this program, as examples name it.
const TOOLBOX: &str = "orchestrator/toolbox:1";

pub async fn run(command: Image) -> Result<(), BoxError> {
    match command {
        Image::Build(options) => build(&options),
        Image::Import(options) => import(&options).await,
        Image::List(options) => list(&options).await,
    }
}

fn build(options: &Build) -> Result<(), BoxError> {
    let (spec, default) = match &options.spec {
        Some(path) => (read(path)?, None),
        None => (toolbox()?, Some(TOOLBOX)),
    };
    let given = Some(spec.name.as_str()).filter(|name| !name.is_empty());
    let name = options.name.as_deref().or(given).or(default);
    let name = name.ok_or_else(|| UsageError("the image needs a name: give --name".into()))?;
    let archive = Archive::of(image::build(&spec)?, name)?;
    let file =
        File::create(&options.output).map_err(|why| cannot("write", &options.output, &why))?;
    image::write(&archive, BufWriter::new(file))?;
    for name in archive.names() {
        println!("{name}");
    }
    Ok(())
}

fn read(path: &Path) -> Result<ImageSpec, BoxError> {
    let text = std::fs::read_to_string(path).map_err(|why| cannot("read", path, &why))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(ImageSpec::parse(&text, folder).map_err(|error| UsageError(error.into()))?)
}

fn cannot(verb: &str, path: &Path, why: &std::io::Error) -> UsageError {
    UsageError(format!("cannot {verb} {}: {why}", path.display()).into())
}

/// This program and a shell, with what they need to run anywhere.
fn toolbox() -> Result<ImageSpec, BoxError> {
    let own = std::env::current_exe()?;
    let shell = ["/bin/busybox", "/bin/sh"].iter().map(Path::new).find(|path| path.exists());
    let mut spec = ImageSpec::default().program(own, "/bin/orchestrator");
    if let Some(shell) = shell {
        spec = spec.program(shell.canonicalize()?, "/bin/sh");
        if shell.ends_with("busybox") {
            const TOOLS: [&str; 18] = [
                "cat", "echo", "env", "grep", "head", "hostname", "id", "ls", "mkdir", "nslookup",
                "ps", "sleep", "tail", "tar", "touch", "true", "vi", "wget",
            ];
            spec = TOOLS.iter().fold(spec, |spec, tool| spec.link(format!("/bin/{tool}"), "sh"));
        }
    }
    Ok(spec.folder("/tmp", 0o1777).command(&["/bin/sh"]))
}

/// The archive of this program's own image.
pub fn own_image() -> Result<Archive, BoxError> {
    Ok(Archive::of(image::build(&toolbox()?)?, TOOLBOX)?)
}

/// The images of an archive on disk.
pub fn open(path: &Path, name: Option<&str>) -> Result<Archive, BoxError> {
    let file = File::open(path).map_err(|why| cannot("read", path, &why))?;
    Ok(Archive::read(file, name)?)
}

async fn import(options: &Import) -> Result<(), BoxError> {
    let archive = open(&options.archive, options.name.as_deref())?;
    let imported = image::import(&link(&options.node), &archive, &Env::system()).await?;
    for image in imported {
        println!("{} {}", image.name, image.digest);
    }
    Ok(())
}

async fn list(options: &NodeImages) -> Result<(), BoxError> {
    let images = list_images(&link(options)).await?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["IMAGE", "ID", "SIZE"]);
    for image in images {
        let names = match image.tags.is_empty() {
            true => &image.digests,
            false => &image.tags,
        };
        let id: String = image.id.trim_start_matches("sha256:").chars().take(12).collect();
        let size = format!("{} KiB", image.bytes.div_ceil(1024));
        table.add_row([names.join("\n"), id, size]);
    }
    println!("{table}");
    Ok(())
}

fn link(options: &NodeImages) -> Link {
    let own = || {
        let name = options.node_name.clone().unwrap_or_else(host_name);
        options.data_dir.join("nodes").join(name).join("containerd/state/containerd.sock")
    };
    let socket: PathBuf = options.containerd_socket.clone().unwrap_or_else(own);
    Link::new(&std::path::absolute(&socket).unwrap_or(socket))
}
