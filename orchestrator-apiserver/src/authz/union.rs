//! Several authorizers as one.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::UserInfo;

use super::{Attributes, Authorizer, Decision, Rules};

/// Asks one authorizer after the other until one has an opinion.
#[derive(Clone, Debug, Default)]
pub struct Union {
    chain: Vec<Arc<dyn Authorizer>>,
}

impl Union {
    /// Asks `authorizer` after those before it.
    #[must_use]
    pub fn with(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.chain.push(authorizer);
        self
    }
}

#[async_trait]
impl Authorizer for Union {
    async fn authorize(&self, attributes: Attributes<'_>) -> Decision {
        let mut reasons: Vec<String> = Vec::new();
        for authorizer in &self.chain {
            match authorizer.authorize(attributes).await {
                Decision::NoOpinion(reason) if reason.is_empty() => {}
                Decision::NoOpinion(reason) => reasons.push(reason),
                opinion => return opinion,
            }
        }
        Decision::NoOpinion(reasons.join("\n"))
    }

    async fn rules(&self, user: &UserInfo, namespace: &str) -> Rules {
        let mut all = Rules::default();
        for authorizer in &self.chain {
            let Rules { rules, is_incomplete, error } = authorizer.rules(user, namespace).await;
            all.rules.extend(rules);
            all.is_incomplete |= is_incomplete;
            if !error.is_empty() {
                let comma = if all.error.is_empty() { "" } else { ", " };
                all.error.push_str(comma);
                all.error.push_str(&error);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::{AlwaysAllow, AlwaysDeny, Target};
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    struct Says(Decision);

    #[async_trait]
    impl Authorizer for Says {
        async fn authorize(&self, _: Attributes<'_>) -> Decision {
            self.0.clone()
        }
    }

    fn ask(authorizer: &dyn Authorizer) -> Decision {
        let user = UserInfo::anonymous();
        let asked = Attributes { user: &user, verb: "get", target: Target::Path("/") };
        futures::executor::block_on(authorizer.authorize(asked))
    }

    fn decision() -> impl Strategy<Value = Decision> {
        let words = "[a-c]{0,1}";
        prop_oneof![
            words.prop_map(Decision::Allow),
            words.prop_map(Decision::Deny),
            words.prop_map(Decision::NoOpinion),
        ]
    }

    fn union(decisions: &[Decision]) -> Union {
        let says = decisions.iter().cloned().map(Says);
        says.fold(Union::default(), |union, one| union.with(Arc::new(one)))
    }

    proptest! {
        #[test]
        fn the_first_opinion_decides_and_grouping_does_not_matter(
            before in prop::collection::vec(decision(), 0..4),
            after in prop::collection::vec(decision(), 0..4),
        ) {
            let all: Vec<_> = before.iter().chain(&after).cloned().collect();
            let flat = ask(&union(&all));
            let nested = Union::default()
                .with(Arc::new(union(&before)))
                .with(Arc::new(union(&after)));
            prop_assert_eq!(&flat, &ask(&nested));
            let first = all.iter().find(|d| !matches!(d, Decision::NoOpinion(_)));
            match first {
                Some(opinion) => prop_assert_eq!(&flat, opinion),
                None => prop_assert!(matches!(flat, Decision::NoOpinion(_))),
            }
        }
    }

    #[test]
    fn reasons_without_an_opinion_are_all_told() {
        let said = |words: &str| Decision::NoOpinion(words.into());
        assert_eq!(ask(&union(&[said("a"), said(""), said("b")])), said("a\nb"));
        let open = Union::default().with(Arc::new(AlwaysDeny)).with(Arc::new(AlwaysAllow));
        assert!(ask(&open).is_allowed());
    }
}
