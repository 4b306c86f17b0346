//! `orchestrator agent`: a node against any API server.

use orchestrator::core::BoxError;

use crate::args::Agent;

pub async fn run(agent: Agent) -> Result<(), BoxError> {
    let _ = super::parts::client(&agent.remote.kubeconfig)?;
    Err("not yet".into())
}
