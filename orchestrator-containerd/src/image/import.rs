//! Import: the blobs of an archive go into containerd, then its names.
//!
//! containerd collects what nothing refers to, so a lease holds the blobs until the image does; a
//! manifest refers to the other blobs by labels, which whoever writes it has to give.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use orchestrator_core::Env;
use orchestrator_core::env::rfc3339;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use super::manifest::{Descriptor, Manifest};
use super::{Archive, ImageError};
use crate::error::told;
use crate::link::Link;
use crate::wire::content::{InfoRequest, WriteAction, WriteContentRequest};
use crate::wire::{cri, images, leases, types};

/// How much of a blob is sent at a time.
const PIECE_BYTES: usize = 1 << 20;

/// How long blobs are held at most, should this program end in between.
const HELD: Duration = Duration::from_secs(3600);

/// How long containerd's CRI may take to hear of an image that containerd has, and how long it is
/// left alone in between: nothing tells when it has heard.
const HEARD_WITHIN: Duration = Duration::from_secs(20);
const HEARD_PAUSE: Duration = Duration::from_millis(5);

/// An image that is in containerd now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its full name.
    pub name: String,
    /// The digest of its manifest.
    pub digest: String,
}

/// Puts all images of `archive` into containerd.
///
/// # Errors
/// [`ImageError::Refused`].
pub async fn import(
    link: &Link,
    archive: &Archive,
    env: &Env,
) -> Result<Vec<Imported>, ImageError> {
    let lease = hold(link, env).await?;
    let outcome = import_held(link, archive, env, &lease).await;
    let request = leases::DeleteRequest { id: lease, sync: false };
    let released = link.leases().delete(request).await;
    let imported = outcome?;
    released.map_err(refused)?;
    Ok(imported)
}

fn refused(status: tonic::Status) -> ImageError {
    ImageError::Refused(told(&status))
}

async fn hold(link: &Link, env: &Env) -> Result<String, ImageError> {
    let until = env.now().saturating_add(HELD).unwrap_or_else(|_| env.now());
    let labels = HashMap::from([("containerd.io/gc.expire".to_owned(), rfc3339(until))]);
    let request = leases::CreateRequest { id: format!("orchestrator-{}", env.uid()), labels };
    let answer = link.leases().create(request).await.map_err(refused)?;
    Ok(answer.into_inner().lease.unwrap_or_default().id)
}

async fn import_held(
    link: &Link,
    archive: &Archive,
    env: &Env,
    lease: &str,
) -> Result<Vec<Imported>, ImageError> {
    let mut imported = Vec::new();
    for (name, descriptor) in &archive.images {
        let missing = |digest: &str| ImageError::Malformed(format!("blob {digest} is missing"));
        let blob = |digest: &str| archive.blobs.get(digest).ok_or_else(|| missing(digest));
        let bytes = blob(&descriptor.digest)?;
        let manifest: Manifest = serde_json::from_slice(bytes)
            .map_err(|error| ImageError::Malformed(format!("a manifest: {error}")))?;
        for part in manifest.layers.iter().chain([&manifest.config]) {
            put(link, lease, part, blob(&part.digest)?, HashMap::new()).await?;
        }
        put(link, lease, descriptor, bytes, references(&manifest)).await?;
        let name = name.to_string();
        name_it(link, &name, descriptor).await?;
        heard(link, &name, &manifest.config.digest, env).await?;
        imported.push(Imported { name, digest: descriptor.digest.clone() });
    }
    Ok(imported)
}

/// The labels by which a manifest keeps what it names.
fn references(manifest: &Manifest) -> HashMap<String, String> {
    let label = |part: String, digest: &str| {
        (format!("containerd.io/gc.ref.content.{part}"), digest.to_owned())
    };
    let layers = manifest.layers.iter().enumerate();
    let layers = layers.map(|(index, layer)| label(format!("l.{index}"), &layer.digest));
    layers.chain([label("config".into(), &manifest.config.digest)]).collect()
}

async fn put(
    link: &Link,
    lease: &str,
    descriptor: &Descriptor,
    bytes: &Bytes,
    labels: HashMap<String, String>,
) -> Result<(), ImageError> {
    let digest = descriptor.digest.clone();
    if link.content().info(held(InfoRequest { digest }, lease)).await.is_ok() && labels.is_empty() {
        return Ok(());
    }
    let request = held(tokio_stream::iter(pieces(descriptor, bytes, &labels)), lease);
    let answers = async {
        let mut answers = link.content().write(request).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok::<_, tonic::Status>(())
    };
    match answers.await {
        Err(status) if status.code() == Code::AlreadyExists => Ok(()),
        other => other.map_err(refused),
    }
}

/// A blob as messages, the last of which ends it.
fn pieces(
    descriptor: &Descriptor,
    bytes: &Bytes,
    labels: &HashMap<String, String>,
) -> Vec<WriteContentRequest> {
    let total = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let message = |action: WriteAction, offset: usize, data: Bytes| WriteContentRequest {
        action: action.into(),
        r#ref: format!("orchestrator-{}", descriptor.digest),
        total,
        expected: descriptor.digest.clone(),
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
        data,
        labels: labels.clone(),
    };
    let mut messages: Vec<WriteContentRequest> = (0..bytes.len())
        .step_by(PIECE_BYTES)
        .map(|at| {
            let end = bytes.len().min(at + PIECE_BYTES);
            message(WriteAction::Write, at, bytes.slice(at..end))
        })
        .collect();
    messages.push(message(WriteAction::Commit, bytes.len(), Bytes::new()));
    messages
}

/// A request under the lease.
fn held<T>(message: T, lease: &str) -> Request<T> {
    let mut request = Request::new(message);
    if let Ok(lease) = MetadataValue::try_from(lease) {
        request.metadata_mut().insert("containerd-lease", lease);
    }
    request
}

async fn name_it(link: &Link, name: &str, descriptor: &Descriptor) -> Result<(), ImageError> {
    let managed = ("io.cri-containerd.image".to_owned(), "managed".to_owned());
    let image = images::Image {
        name: name.to_owned(),
        labels: HashMap::from([managed]),
        target: Some(types::Descriptor {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            annotations: HashMap::new(),
        }),
    };
    let request = images::CreateImageRequest { image: Some(image.clone()) };
    match link.images().create(request).await {
        Err(status) if status.code() == Code::AlreadyExists => {
            let request = images::UpdateImageRequest { image: Some(image) };
            link.images().update(request).await.map(drop).map_err(refused)
        }
        other => other.map(drop).map_err(refused),
    }
}

/// Waits until pods can name the image: CRI has its own list, which follows containerd's.
async fn heard(link: &Link, name: &str, config: &str, env: &Env) -> Result<(), ImageError> {
    let until = env.instant() + HEARD_WITHIN;
    loop {
        let image = Some(cri::ImageSpec { image: name.to_owned() });
        let answer = link.cri_images().image_status(cri::ImageStatusRequest { image }).await;
        let found = answer.map_err(refused)?.into_inner().image;
        if found.is_some_and(|image| image.id == config) {
            return Ok(());
        }
        if env.instant() >= until {
            return Err(ImageError::Refused(format!("{name} is not seen by pods")));
        }
        env.sleep(HEARD_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_sent_in_pieces_and_ended_once() {
        let descriptor = Descriptor { digest: "sha256:x".into(), ..Descriptor::default() };
        let bytes = Bytes::from(vec![7; PIECE_BYTES + 1]);
        let messages = pieces(&descriptor, &bytes, &HashMap::new());
        let sizes: Vec<usize> = messages.iter().map(|m| m.data.len()).collect();
        let offsets: Vec<i64> = messages.iter().map(|m| m.offset).collect();
        assert_eq!(sizes, [PIECE_BYTES, 1, 0]);
        assert_eq!(offsets, [0, PIECE_BYTES as i64, PIECE_BYTES as i64 + 1]);
        assert_eq!(messages.last().unwrap().action(), WriteAction::Commit);
    }
}
