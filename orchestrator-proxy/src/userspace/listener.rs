//! One frontend with its socket and task.

use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_core::env::Task;
use orchestrator_core::proxy::{Frontend, Protocol};
use parking_lot::RwLock;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, oneshot};

use super::balancer::Balancer;
use super::{tcp, udp};

/// What the connections of a frontend share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub env: Env,
    /// How many more TCP connections the whole proxy may have.
    pub limit: Arc<Semaphore>,
    balancer: Arc<RwLock<Arc<Balancer>>>,
}

impl Shared {
    pub fn new(env: Env, limit: Arc<Semaphore>, balancer: Arc<Balancer>) -> Self {
        Self { env, limit, balancer: Arc::new(RwLock::new(balancer)) }
    }

    /// Who shares out the traffic now.
    pub fn balancer(&self) -> Arc<Balancer> {
        Arc::clone(&self.balancer.read())
    }
}

/// The listening end of a frontend.
#[derive(Debug)]
pub(super) struct Listener {
    shared: Shared,
    ask: oneshot::Sender<()>,
    closed: oneshot::Receiver<()>,
    task: Task<()>,
}

/// The listener's wish that its task give up the socket, and the answer that it has.
#[derive(Debug)]
pub(super) struct Stop {
    asked: oneshot::Receiver<()>,
    done: Option<oneshot::Sender<()>>,
}

impl Stop {
    /// Waits until the socket shall be given up.
    pub async fn asked(&mut self) {
        // An error means that the listener is gone, which asks the same.
        let _ = (&mut self.asked).await;
    }

    /// Tells that the socket is closed.
    pub fn done(&mut self) {
        if let Some(done) = self.done.take() {
            let _ = done.send(());
        }
    }
}

impl Listener {
    /// Binds the frontend's address and serves it.
    pub async fn open(frontend: Frontend, shared: Shared) -> Result<Self, String> {
        let (ask, asked) = oneshot::channel();
        let (done, closed) = oneshot::channel();
        let stop = Stop { asked, done: Some(done) };
        let (env, given) = (shared.env.clone(), shared.clone());
        let in_words = |error: std::io::Error| error.to_string();
        let task = match frontend.protocol {
            Protocol::Tcp => {
                let socket = TcpListener::bind(frontend.address).await.map_err(in_words)?;
                env.spawn("service listener", tcp::serve(socket, given, stop))
            }
            Protocol::Udp => {
                let socket = UdpSocket::bind(frontend.address).await.map_err(in_words)?;
                env.spawn("service listener", udp::serve(socket, given, stop))
            }
            Protocol::Sctp => return Err("SCTP is not carried by the userspace proxy".into()),
        };
        Ok(Self { shared, ask, closed, task })
    }

    /// Lets another balancer share out new traffic.
    pub fn set_balancer(&self, balancer: &Arc<Balancer>) {
        *self.shared.balancer.write() = Arc::clone(balancer);
    }

    /// Closes the socket; the returned task goes on until its connections have ended.
    pub async fn close(self) -> Task<()> {
        let _ = self.ask.send(());
        let _ = self.closed.await;
        self.task
    }
}
