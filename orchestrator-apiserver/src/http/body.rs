//! Reading of request bodies, bounded in size and in time.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::future::{Either, select};
use http_body::Body;
use http_body_util::BodyExt;
use orchestrator_core::{Env, Status};

/// The largest body that is read: what the Kubernetes API takes, twice the largest object.
pub const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// How long the next piece of a body may take: a client that is slower holds on to a connection
/// for nothing.
const IDLE: Duration = Duration::from_secs(30);

/// How long a whole body may take: 3 MiB at 100 kB/s.
const TOTAL: Duration = Duration::from_secs(60);

/// Reads a whole body.
///
/// # Errors
/// 413 where it is too long, 408 where it does not come in time, 400 where it breaks off.
pub(crate) async fn read<B>(body: B, env: &Env) -> Result<Bytes, Status>
where
    B: Body<Data: Buf>,
{
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let deadline = env.instant() + TOTAL;
    let mut body = pin!(body);
    let mut read = BytesMut::new();
    loop {
        let late = pin!(env.sleep_until(deadline.min(env.instant() + IDLE)));
        let frame = match select(pin!(body.frame()), late).await {
            Either::Left((frame, _)) => frame,
            Either::Right(_) => {
                return Err(Status::new(408, "Timeout", "the request body did not come in time"));
            }
        };
        match frame {
            None => return Ok(read.freeze()),
            Some(Err(_)) => return Err(Status::bad_request("the request body broke off")),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if read.len() + data.remaining() > MAX_BODY_BYTES {
                    return Err(too_large());
                }
                append(&mut read, data);
            }
        }
    }
}

fn append(read: &mut BytesMut, mut data: impl Buf) {
    while data.has_remaining() {
        let chunk = data.chunk();
        read.extend_from_slice(chunk);
        let taken = chunk.len();
        data.advance(taken);
    }
}

fn too_large() -> Status {
    Status::too_large(format!("Request entity too large: limit is {MAX_BODY_BYTES}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use std::convert::Infallible;

    #[tokio::test(start_paused = true)]
    async fn bodies_are_bounded_in_size_and_time() {
        let env = Env::system();
        let full = |len: usize| read(Full::new(Bytes::from(vec![b'x'; len])), &env);
        assert_eq!(full(10).await.unwrap().len(), 10);
        assert_eq!(full(MAX_BODY_BYTES).await.unwrap().len(), MAX_BODY_BYTES);
        assert_eq!(full(MAX_BODY_BYTES + 1).await.unwrap_err().code, 413);
        let chunk = || Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 1024 * 1024])));
        let endless = StreamBody::new(stream::repeat_with(chunk));
        assert_eq!(read(endless, &env).await.unwrap_err().code, 413);
        let stuck = StreamBody::new(stream::iter([chunk()]).chain(stream::pending()));
        assert_eq!(read(stuck, &env).await.unwrap_err().code, 408);
        let drops = stream::unfold((), |()| async {
            Env::system().sleep(Duration::from_secs(5)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
        });
        assert_eq!(read(StreamBody::new(drops.boxed()), &env).await.unwrap_err().code, 408);
    }
}
