//! Attach: the streams of a container's own process.
//!
//! containerd reads these itself, for the log, so it has to share them: it is asked where, and
//! answers with an address of this host that is good for one connection, over WebSocket.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use futures::{FutureExt, SinkExt, StreamExt};
use http::{Request, Uri, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use orchestrator_core::node::{ExecOptions, ExecSession};
use orchestrator_core::runtime::{ContainerId, RuntimeError};
use orchestrator_core::{BoxError, Env};
use orchestrator_wire::session::client::{self, Handshake, Version};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::error::failed;
use crate::runtime::Core;
use crate::wire::cri;

/// A connection that has left HTTP.
type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// The bytes of input that wait to be sent.
const PIPE_BYTES: usize = 16 * 1024;

/// Joins the streams of the container's own process.
///
/// Input and output are two connections: version 4 of the protocol cannot end one of them, but a
/// connection can be closed, and with that containerd ends the input of a container that has one
/// only once.
///
/// # Errors
/// [`RuntimeError::Failed`].
pub(crate) async fn attach(
    core: &Arc<Core>,
    container: &ContainerId,
    options: &ExecOptions,
) -> Result<ExecSession, RuntimeError> {
    let output = ExecOptions { stdin: false, ..options.clone() };
    let input = ExecOptions { stdout: false, stderr: false, ..options.clone() };
    let mut session = match options.stdout || options.stderr {
        true => client::exec(join(core, container, &output).await?, &output, &core.env).await,
        false => silent(core, container),
    };
    if options.stdin {
        let connection = join(core, container, &input).await?;
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        core.keep(core.env.spawn("attached input", send(connection, far)));
        session.stdin = Some(Box::pin(near));
    }
    Ok(session)
}

/// A session without output, which ends with its container.
fn silent(core: &Arc<Core>, container: &ContainerId) -> ExecSession {
    let (core, container) = (Arc::clone(core), container.clone());
    let exit = async move {
        core.ended(&container).await;
        Ok(0)
    };
    ExecSession { stdin: None, stdout: None, stderr: None, resize: None, exit: exit.boxed() }
}

/// Sends what `input` has, each piece as a message of the channel of the input, and closes.
async fn send(connection: Upgraded, mut input: DuplexStream) {
    const STDIN: u8 = 0;
    let socket = WebSocketStream::from_raw_socket(connection, Role::Client, None).await;
    let (mut sink, messages) = socket.split();
    let sending = async {
        let mut buffer = vec![0; PIPE_BYTES];
        while let Ok(read @ 1..) = input.read(&mut buffer).await {
            let mut message = Vec::with_capacity(read + 1);
            message.push(STDIN);
            message.extend_from_slice(&buffer[..read]);
            sink.send(Message::Binary(message.into())).await?;
        }
        sink.close().await
    };
    // What comes back ends when containerd has understood, or the container has ended.
    let receiving = messages.for_each(|_| async {});
    let (sending, receiving) = (pin!(sending), pin!(receiving));
    if let Either::Left((Ok(()), receiving)) = select(sending, receiving).await {
        receiving.await;
    }
}

/// A connection to the streams that `options` name.
async fn join(
    core: &Core,
    container: &ContainerId,
    options: &ExecOptions,
) -> Result<Upgraded, RuntimeError> {
    let request = cri::AttachRequest {
        container_id: container.as_str().into(),
        // Of one that names no input containerd thinks that it has ended at once.
        stdin: true,
        tty: options.tty,
        stdout: options.stdout,
        stderr: options.stderr && !options.tty,
    };
    let answer = core.link.runtime().attach(request).await;
    let answer = answer.map_err(|status| failed("cannot attach", &status))?;
    let connected = connect(&answer.into_inner().url, &core.env).await;
    connected.map_err(|error| RuntimeError::failed("cannot attach", error))
}

/// A connection that has been upgraded to a WebSocket.
async fn connect(url: &str, env: &Env) -> Result<Upgraded, BoxError> {
    let uri: Uri = url.parse()?;
    let authority = uri.authority().ok_or("the address names no host")?.clone();
    let stream = TcpStream::connect(authority.as_str()).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = env.spawn("attach", async move {
        // Its end is the end of the session, which sees it itself.
        let _ = connection.with_upgrades().await;
    });
    let handshake = Handshake::new(&[Version::V4], env);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::get(path)
        .header(header::HOST, authority.as_str())
        .body(Empty::<bytes::Bytes>::new())?;
    request.headers_mut().extend(handshake.headers());
    let answer = sender.send_request(request).await?;
    handshake.accepted(&answer)?;
    let upgraded = hyper::upgrade::on(answer).await?;
    drop(connection);
    Ok(TokioIo::new(upgraded))
}
