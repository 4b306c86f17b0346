//! Authorizers that say the same to everybody.

use async_trait::async_trait;
use orchestrator_core::UserInfo;

use super::{Attributes, Authorizer, Decision, Rule, Rules};

/// Lets everybody do everything: for programs that embed a server and guard it themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysAllow;

#[async_trait]
impl Authorizer for AlwaysAllow {
    async fn authorize(&self, _: Attributes<'_>) -> Decision {
        Decision::Allow(String::new())
    }

    async fn rules(&self, _: &UserInfo, _: &str) -> Rules {
        Rules { rules: Rule::everything().into(), ..Rules::default() }
    }
}

/// Lets nobody do anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysDeny;

#[async_trait]
impl Authorizer for AlwaysDeny {
    async fn authorize(&self, _: Attributes<'_>) -> Decision {
        Decision::NoOpinion("Everything is forbidden.".into())
    }

    async fn rules(&self, _: &UserInfo, _: &str) -> Rules {
        Rules::default()
    }
}
