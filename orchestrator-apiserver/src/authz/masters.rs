//! The group whose members may do everything, whatever roles there are.

use async_trait::async_trait;
use orchestrator_core::UserInfo;

use super::{Attributes, Authorizer, Decision, Rules};

/// Lets `system:masters` do everything and has no opinion about others.
///
/// Its members keep their rights where all roles were deleted, so that they can make them anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Masters;

#[async_trait]
impl Authorizer for Masters {
    async fn authorize(&self, attributes: Attributes<'_>) -> Decision {
        match attributes.user.is_in(UserInfo::MASTERS) {
            true => Decision::Allow(String::new()),
            false => Decision::NoOpinion(String::new()),
        }
    }

    /// None: what masters may do is listed by the role that they are bound to.
    async fn rules(&self, _: &UserInfo, _: &str) -> Rules {
        Rules::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Target;

    #[tokio::test]
    async fn masters_may_everything_and_others_are_left_to_others() {
        for (user, wanted) in [
            (UserInfo::system("admin"), true),
            (UserInfo::new("jane", ["dev"]), false),
            (UserInfo::anonymous(), false),
        ] {
            let asked = Attributes { user: &user, verb: "get", target: Target::Path("/x") };
            assert_eq!(Masters.authorize(asked).await.is_allowed(), wanted, "{}", user.name);
        }
    }
}
