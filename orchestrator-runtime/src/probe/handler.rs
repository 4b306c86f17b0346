//! One question to a container, or one message to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Container, ExecAction, GRPCAction, HTTPGetAction, LifecycleHandler, Probe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use orchestrator_core::Env;
use orchestrator_core::node::ExecOptions;
use orchestrator_core::runtime::{ContainerId, Runtime, RuntimeExt};
use tokio::io::AsyncReadExt;

use super::{grpc, http};

/// How much of a command's output is kept for people: the kubelet's limit.
const OUTPUT_BYTES: u64 = 10 * 1024;

/// A question or a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Handler {
    /// Runs a command in the container.
    Exec(ExecAction),
    /// Sends an HTTP request.
    Http(HTTPGetAction),
    /// Connects to a port.
    Tcp(TCPSocketAction),
    /// Asks the gRPC health service.
    Grpc(GRPCAction),
    /// Waits some seconds; a hook, not a question.
    Sleep(i64),
}

impl Handler {
    /// What a probe asks.
    pub fn of_probe(probe: &Probe) -> Option<Self> {
        let exec = probe.exec.clone().map(Self::Exec);
        let http = || probe.http_get.clone().map(Self::Http);
        let tcp = || probe.tcp_socket.clone().map(Self::Tcp);
        let grpc = || probe.grpc.clone().map(Self::Grpc);
        exec.or_else(http).or_else(tcp).or_else(grpc)
    }

    /// What a hook does.
    pub fn of_hook(hook: &LifecycleHandler) -> Option<Self> {
        let exec = hook.exec.clone().map(Self::Exec);
        let http = || hook.http_get.clone().map(Self::Http);
        let tcp = || hook.tcp_socket.clone().map(Self::Tcp);
        let sleep = || hook.sleep.as_ref().map(|sleep| Self::Sleep(sleep.seconds));
        exec.or_else(http).or_else(tcp).or_else(sleep)
    }
}

/// The container that is asked.
#[derive(Clone, Debug)]
pub struct Target {
    /// Clock and tasks.
    pub env: Env,
    /// Where it runs.
    pub runtime: Arc<dyn Runtime>,
    /// Its run.
    pub id: ContainerId,
    /// Its specification, for the names of its ports.
    pub container: Arc<Container>,
    /// The pod's address.
    pub ip: IpAddr,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it should be.
    Success,
    /// It is not; why, for people.
    Failure(String),
    /// Nobody could ask; that counts as no answer.
    Unknown(String),
}

impl Target {
    /// Asks, and waits for the answer for at most `timeout`.
    pub async fn ask(&self, handler: &Handler, timeout: Duration) -> Outcome {
        let answer = async {
            match handler {
                Handler::Exec(action) => self.exec(action).await,
                Handler::Http(action) => self.http(action).await,
                Handler::Tcp(action) => self.tcp(action).await,
                Handler::Grpc(action) => self.grpc(action).await,
                Handler::Sleep(seconds) => {
                    let seconds = u64::try_from(*seconds).unwrap_or_default();
                    self.env.sleep(Duration::from_secs(seconds)).await;
                    Outcome::Success
                }
            }
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            () = self.env.sleep(timeout) => {
                Outcome::Failure(format!("command timed out after {}s", timeout.as_secs()))
            }
        }
    }

    async fn exec(&self, action: &ExecAction) -> Outcome {
        let options = ExecOptions {
            container: self.container.name.clone(),
            command: action.command.clone().unwrap_or_default(),
            stdout: true,
            stderr: true,
            ..ExecOptions::default()
        };
        let session = match self.runtime.session(self.id.clone(), options).await {
            Ok(session) => session,
            Err(error) => return Outcome::Failure(error.chain()),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let read_out = async {
            if let Some(stdout) = session.stdout {
                let _ = stdout.take(OUTPUT_BYTES).read_to_end(&mut out).await;
            }
        };
        let read_err = async {
            if let Some(stderr) = session.stderr {
                let _ = stderr.take(OUTPUT_BYTES).read_to_end(&mut err).await;
            }
        };
        let ((), (), exit) = futures::join!(read_out, read_err, session.exit);
        match exit {
            Ok(0) => Outcome::Success,
            Ok(_) => {
                out.extend_from_slice(&err);
                Outcome::Failure(String::from_utf8_lossy(&out).into_owned())
            }
            Err(status) => Outcome::Unknown(status.message),
        }
    }

    async fn http(&self, action: &HTTPGetAction) -> Outcome {
        let Some(port) = self.port(&action.port) else { return no_port(&action.port) };
        http::get(&self.env, action, self.host(action.host.as_deref()), port).await
    }

    async fn tcp(&self, action: &TCPSocketAction) -> Outcome {
        let Some(port) = self.port(&action.port) else { return no_port(&action.port) };
        let host = self.host(action.host.as_deref());
        match tokio::net::TcpStream::connect((host.as_str(), port)).await {
            Ok(_) => Outcome::Success,
            Err(error) => Outcome::Failure(format!("dial tcp {host}:{port}: {error}")),
        }
    }

    async fn grpc(&self, action: &GRPCAction) -> Outcome {
        let Ok(port) = u16::try_from(action.port) else {
            return Outcome::Unknown(format!("invalid port {}", action.port));
        };
        let service = action.service.as_deref().unwrap_or_default();
        grpc::check(&self.env, &self.ip.to_string(), port, service).await
    }

    /// The host to ask: the pod, unless the action names another.
    fn host(&self, named: Option<&str>) -> String {
        match named.filter(|host| !host.is_empty()) {
            Some(host) => host.to_owned(),
            None => self.ip.to_string(),
        }
    }

    /// A port by number or by name.
    fn port(&self, port: &IntOrString) -> Option<u16> {
        match port {
            IntOrString::Int(number) => u16::try_from(*number).ok(),
            IntOrString::String(name) => {
                let mut ports = self.container.ports.iter().flatten();
                let port = ports.find(|port| port.name.as_ref() == Some(name));
                u16::try_from(port?.container_port).ok()
            }
        }
    }
}

fn no_port(port: &IntOrString) -> Outcome {
    let name = match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    Outcome::Unknown(format!("couldn't find port: {name}"))
}
