//! Every proxy of this crate passes the suite.

use std::net::IpAddr;

use orchestrator_core::Env;
use orchestrator_proxy::{RecordingProxy, UserspaceConfig, UserspaceProxy};
use orchestrator_testkit::proxy::{carries_traffic, conforms};

/// A service address of this test alone.
fn address(last: u8) -> IpAddr {
    IpAddr::from([127, 96, 250, last])
}

#[tokio::test]
async fn the_recording_proxy_conforms() {
    conforms(&RecordingProxy::new(), address(1)).await;
}

#[tokio::test]
async fn the_userspace_proxy_conforms() {
    conforms(&UserspaceProxy::new(Env::system(), UserspaceConfig::default()), address(2)).await;
}

#[tokio::test]
async fn the_userspace_proxy_carries_traffic() {
    let env = Env::system();
    let proxy = UserspaceProxy::new(env.clone(), UserspaceConfig::default());
    carries_traffic(&proxy, address(3), &env).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_userspace_proxy_carries_traffic_on_several_threads() {
    let env = Env::system();
    let proxy = UserspaceProxy::new(env.clone(), UserspaceConfig::default());
    carries_traffic(&proxy, address(4), &env).await;
}
