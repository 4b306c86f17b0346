//! Calls whose `:authority` is none.
//!
//! Clients of etcd name a whole URL there when they ask one endpoint (`etcdctl endpoint status`
//! with `http://...`), and those of 3.5.0 a list of them. Go's servers take it; the HTTP/2 library
//! here refuses the call before anybody sees it, and has no switch. Nothing in this face looks at the
//! authority, so [`Tolerant`] puts a valid one in the place of each that arrives, on the way from
//! the socket to the library.
//!
//! `frames` finds the frames with headers, `fields` the one field in their compressed form. What
//! is put there is never longer than what was: then the library's table of recent fields forgets no
//! entry that the client still counts on.

mod fields;
pub(super) mod frames;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use frames::Frames;

/// How much is read from the socket at a time.
const READ_BYTES: usize = 64 * 1024;

/// A connection on which every call has a valid authority.
#[derive(Debug)]
pub(super) struct Tolerant<S> {
    stream: S,
    frames: Frames,
    /// Read, and not yet looked at in full.
    raw: BytesMut,
    /// To be handed out.
    ready: BytesMut,
}

impl<S> Tolerant<S> {
    pub(super) fn new(stream: S) -> Self {
        let (raw, ready) = (BytesMut::new(), BytesMut::new());
        Self { stream, frames: Frames::default(), raw, ready }
    }
}

impl<S: AsyncRead + Unpin> Tolerant<S> {
    /// Waits until the client has shown whether it speaks HTTP/2.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        while self.frames.are_unknown() {
            if self.stream.read_buf(&mut self.raw).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.frames.pass(&mut self.raw, &mut self.ready);
        }
        Ok(!self.frames.are_plain())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tolerant<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, frames, raw, ready: out } = &mut *self;
        while out.is_empty() {
            if frames.are_plain() {
                return Pin::new(stream).poll_read(cx, buf);
            }
            raw.reserve(READ_BYTES);
            if ready!(poll_read_buf(Pin::new(&mut *stream), cx, raw))? == 0 {
                // The end: what was never completed is for the library to judge.
                out.unsplit(raw.split());
                break;
            }
            frames.pass(raw, out);
        }
        let bytes = out.len().min(buf.remaining());
        buf.put_slice(&out[..bytes]);
        out.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tolerant<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
