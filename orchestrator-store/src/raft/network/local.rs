//! Members in one process: a call is a call.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use orchestrator_core::Env;
use parking_lot::Mutex;

use super::{Call, CallError, Inbox, Peer, Refused, Serving, Transport};

/// The members of this process, by address.
type Ears = Mutex<BTreeMap<String, Weak<dyn Inbox>>>;

/// A network within one process, for tests and for programs that run a whole cluster.
///
/// Calls take some hundred microseconds each way. There are no faults.
#[derive(Clone)]
pub struct LocalNetwork {
    env: Env,
    ears: Arc<Ears>,
}

impl std::fmt::Debug for LocalNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalNetwork").field("members", &self.ears.lock().len()).finish()
    }
}

impl LocalNetwork {
    /// A network without members.
    pub fn new(env: Env) -> Self {
        Self { env, ears: Arc::default() }
    }

    /// The transport of the member that listens at `address`, any text.
    pub fn at(&self, address: impl Into<String>) -> Arc<dyn Transport> {
        Arc::new(LocalTransport { network: self.clone(), address: address.into() })
    }
}

/// The transport of one member.
#[derive(Debug)]
struct LocalTransport {
    network: LocalNetwork,
    address: String,
}

impl LocalTransport {
    async fn travel(&self) {
        let us = 100 + self.network.env.random_below(200);
        self.network.env.sleep(Duration::from_micros(us)).await;
    }
}

/// Closes an ear when it is dropped.
struct Open {
    ears: Arc<Ears>,
    address: String,
    /// The network itself knows it only while this lives.
    _inbox: Arc<dyn Inbox>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.ears.lock().remove(&self.address);
    }
}

#[async_trait]
impl Transport for LocalTransport {
    async fn serve(&self, inbox: Arc<dyn Inbox>) -> io::Result<Serving> {
        let mut ears = self.network.ears.lock();
        if ears.contains_key(&self.address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        ears.insert(self.address.clone(), Arc::downgrade(&inbox));
        let (ears, address) = (Arc::clone(&self.network.ears), self.address.clone());
        Ok(Serving::new(self.address.clone(), Open { ears, address, _inbox: inbox }))
    }

    async fn call(&self, peer: &Peer, call: Call) -> Result<Bytes, CallError> {
        self.travel().await;
        let ear = self.network.ears.lock().get(&peer.address).and_then(Weak::upgrade);
        let Some(ear) = ear else { return Err(CallError::Unreached("nobody listens".into())) };
        let answer = ear.answer(call).await;
        drop(ear);
        self.travel().await;
        answer.map_err(|refused| match refused {
            // What stops while it handles a call may have begun to.
            Refused::Stopped => CallError::Lost(refused.into()),
            refused => CallError::Refused(refused),
        })
    }
}
