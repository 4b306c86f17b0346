//! Whether the client is still there.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use h2::{Ping, PingPong};
use orchestrator_core::Env;

/// How often the client is asked.
const INTERVAL: Duration = Duration::from_secs(60);

/// How long it may take to answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Resolves when the client does not answer any more.
pub(super) async fn gone(env: &Env, mut pings: PingPong) {
    loop {
        env.sleep(INTERVAL).await;
        let asked = pings.ping(Ping::opaque());
        match select(pin!(asked), pin!(env.sleep(TIMEOUT))).await {
            Either::Left((Ok(_), _)) => {}
            // The connection ends, which it tells by itself.
            Either::Left((Err(_), _)) => std::future::pending().await,
            Either::Right(_) => return,
        }
    }
}
