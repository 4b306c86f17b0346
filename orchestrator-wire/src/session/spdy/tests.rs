//! Whole sessions with a client made of the same frames.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use orchestrator_core::Env;
use orchestrator_core::env::Task;
use orchestrator_core::node::{Connection, ExecSession, PortForwarder};
use tokio::io::{AsyncReadExt, DuplexStream, ReadHalf, WriteHalf};

use super::frame::tests::begin;
use super::header::Encoder;
use super::*;

/// The client's end of a session.
struct Client {
    reader: FrameReader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
    frames: FrameWriter,
    headers: Encoder,
    _server: Task<()>,
}

impl Client {
    fn of<F>(serve: impl FnOnce(DuplexStream) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (near, far) = tokio::io::duplex(4096);
        let server = Env::system().spawn("server", serve(far));
        let (reader, writer) = tokio::io::split(near);
        Self {
            reader: FrameReader::new(reader),
            writer,
            frames: FrameWriter::default(),
            headers: Encoder::default(),
            _server: server,
        }
    }

    async fn begin(&mut self, id: u32, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let bytes = begin(&mut self.headers, id, &headers);
        self.writer.write_all(&bytes).await.unwrap();
    }

    async fn send(&mut self, id: u32, data: &'static [u8], fin: bool) {
        let frame = Sent::Data { id, data: Bytes::from_static(data), fin };
        self.writer.write_all(&self.frames.encode(&frame)).await.unwrap();
    }

    /// What each of the streams `ids` says, until all of them have ended.
    async fn read(&mut self, ids: &[u32]) -> Vec<String> {
        let mut texts = vec![String::new(); ids.len()];
        let mut open = ids.to_vec();
        while !open.is_empty() {
            let frame = self.reader.next().await.unwrap().expect("not the end yet");
            let Received::Data { id, data, fin } = frame else { continue };
            let place = ids.iter().position(|known| *known == id).unwrap();
            texts[place].push_str(std::str::from_utf8(&data).unwrap());
            open.retain(|known| !(fin && *known == id));
        }
        texts
    }
}

/// Ports that send back what they are sent; 81 is closed.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl PortForwarder for Echo {
    async fn connect(&self, port: u16) -> std::io::Result<Box<dyn Connection>> {
        if port == 81 {
            return Err(std::io::Error::other("nobody listens"));
        }
        let (near, far) = tokio::io::duplex(64);
        let echo = Env::system().spawn("echo", async move {
            let (mut reader, mut writer) = tokio::io::split(far);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
        // The echo ends with its connection.
        std::mem::forget(echo);
        Ok(Box::new(near))
    }
}

#[tokio::test]
async fn a_port_is_reached_through_a_pair_of_streams() {
    let mut client = Client::of(|io| forward(io, Arc::new(Echo)));
    for (first, request) in [(1, "0"), (5, "1")] {
        client
            .begin(first, &[("streamtype", "error"), ("port", "80"), ("requestid", request)])
            .await;
        client.send(first, b"", true).await;
        client
            .begin(first + 2, &[("streamtype", "data"), ("port", "80"), ("requestid", request)])
            .await;
    }
    client.send(7, b"second", true).await;
    client.send(3, b"first", true).await;
    assert_eq!(client.read(&[1, 3, 5, 7]).await, ["", "first", "", "second"]);
}

#[tokio::test]
async fn a_closed_port_is_told_on_the_error_stream() {
    let mut client = Client::of(|io| forward(io, Arc::new(Echo)));
    client.begin(1, &[("streamtype", "error"), ("port", "81"), ("requestid", "0")]).await;
    client.begin(3, &[("streamtype", "data"), ("port", "81"), ("requestid", "0")]).await;
    let texts = client.read(&[1, 3]).await;
    assert_eq!(texts[0], "an error occurred forwarding to port 81: nobody listens");
}

#[tokio::test]
async fn a_command_gets_its_input_and_tells_its_output_and_end() {
    let (stdin, mut input) = tokio::io::duplex(64);
    let (mut output, stdout) = tokio::io::duplex(64);
    let exit = async move {
        let mut text = String::new();
        input.read_to_string(&mut text).await.unwrap();
        output.write_all(text.to_uppercase().as_bytes()).await.unwrap();
        Ok(3)
    };
    let session = ExecSession {
        stdin: Some(Box::pin(stdin)),
        stdout: Some(Box::pin(stdout)),
        stderr: None,
        resize: None,
        exit: exit.boxed(),
    };
    let expected = vec!["error", "stdin", "stdout"];
    let env = Env::system();
    let mut client = Client::of(|io| async move { super::exec(io, session, expected, &env).await });
    for (id, name) in [(1, "error"), (3, "stdin"), (5, "stdout")] {
        client.begin(id, &[("streamtype", name)]).await;
    }
    client.send(3, b"hello ", false).await;
    client.send(3, b"there", true).await;
    let texts = client.read(&[1, 5]).await;
    assert_eq!(texts[1], "HELLO THERE");
    assert!(texts[0].contains("\"reason\":\"ExitCode\""), "{}", texts[0]);
}

#[tokio::test]
async fn pings_are_answered_and_streams_of_the_wrong_parity_refused() {
    let mut client = Client::of(|io| forward(io, Arc::new(Echo)));
    let ping = client.frames.encode(&Sent::Ping { id: 9 });
    client.writer.write_all(&ping).await.unwrap();
    assert_eq!(client.reader.next().await.unwrap(), Some(Received::Ping { id: 9 }));
    client.begin(2, &[("streamtype", "data")]).await;
    assert_eq!(client.reader.next().await.unwrap(), Some(Received::Reset { id: 2 }));
}
