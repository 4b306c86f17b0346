//! A node in another process.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use orchestrator_core::node::{
    Connection, ExecOptions, ExecSession, LogOptions, NodeApi, PortForwarder,
};
use orchestrator_core::{ObjectKey, Status};
use orchestrator_wire::session::client::{self, Handshake, Version};

use super::connect::{Answered, Endpoint};
use super::{error, target};

/// A node in another process.
#[derive(Clone)]
pub(super) struct RemoteNode(pub(super) Endpoint);

impl fmt::Debug for RemoteNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteNode").field("host", &self.0.host).finish_non_exhaustive()
    }
}

/// A connection that has left HTTP, in a protocol of channels.
struct Upgraded {
    connection: TokioIo<hyper::upgrade::Upgraded>,
    version: Version,
}

impl RemoteNode {
    async fn upgrade(&self, target: &str, offered: &'static [Version]) -> Result<Upgraded, Status> {
        let Self(endpoint) = self;
        let handshake = Handshake::new(offered, &endpoint.env);
        let answered = endpoint.get(target, handshake.headers()).await?;
        if !answered.answer.status().is_informational() {
            return Err(error::failure(answered, &endpoint.env).await);
        }
        let version = handshake.accepted(&answered.answer)?;
        let upgraded = hyper::upgrade::on(answered.answer).await;
        let connection = TokioIo::new(upgraded.map_err(Status::internal)?);
        Ok(Upgraded { connection, version })
    }

    async fn command(
        &self,
        what: &str,
        pod: &ObjectKey,
        options: ExecOptions,
    ) -> Result<ExecSession, Status> {
        let target = target::command(what, pod, &options);
        let upgraded = self.upgrade(&target, client::EXEC).await?;
        Ok(client::exec(upgraded.connection, &options, &self.0.env).await)
    }
}

#[async_trait]
impl NodeApi for RemoteNode {
    async fn logs(
        &self,
        pod: &ObjectKey,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Bytes>, Status> {
        let answered = self.0.get(&target::logs(pod, &options), HeaderMap::new()).await?;
        if !answered.answer.status().is_success() {
            return Err(error::failure(answered, &self.0.env).await);
        }
        let Answered { answer, connection } = answered;
        // The stream owns the connection; a log that breaks off ends.
        let chunks = answer.into_body().into_data_stream();
        let chunks = chunks.scan(connection, |_open, chunk| std::future::ready(chunk.ok()));
        Ok(chunks.boxed())
    }

    async fn exec(&self, pod: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status> {
        self.command("exec", pod, options).await
    }

    async fn attach(&self, pod: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status> {
        self.command("attach", pod, options).await
    }

    async fn port_forward(&self, pod: &ObjectKey) -> Result<Arc<dyn PortForwarder>, Status> {
        Ok(Arc::new(RemotePorts { node: self.clone(), pod: pod.clone() }))
    }
}

/// The ports of a pod on a node in another process: each connection is a session of its own.
#[derive(Debug)]
struct RemotePorts {
    node: RemoteNode,
    pod: ObjectKey,
}

#[async_trait]
impl PortForwarder for RemotePorts {
    async fn connect(&self, port: u16) -> std::io::Result<Box<dyn Connection>> {
        let target = target::port(&self.pod, port);
        let upgraded = self.node.upgrade(&target, client::FORWARD).await;
        let Upgraded { connection, version } = upgraded.map_err(std::io::Error::other)?;
        Ok(client::forward(connection, version, &self.node.0.env).await)
    }
}
