//! An image as an asynchronous stream.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use orchestrator_core::Env;

use super::export;
use crate::mvcc::Mvcc;
use crate::operator::ImageStream;

/// How much is made at a time, on a thread that may take its time.
const PIECE_BYTES: usize = 256 << 10;

/// Streams the image of `mvcc`, a fork, with `meta` beside it.
pub fn stream(env: Env, mvcc: Mvcc, meta: Bytes) -> ImageStream {
    let blocks = export(mvcc, meta);
    let pieces = stream::unfold((env, blocks), async |(env, mut blocks)| {
        let make = move || {
            let mut piece = BytesMut::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
            while piece.len() < PIECE_BYTES
                && let Some(block) = blocks.next()
            {
                piece.extend_from_slice(&block);
            }
            (blocks, piece.freeze())
        };
        let (blocks, piece) = env.blocking(make).await;
        (!piece.is_empty()).then_some((Ok(piece), (env, blocks)))
    });
    pieces.boxed()
}
