//! `orchestrator store member`.

use std::sync::Arc;

use orchestrator::core::{BoxError, Env};
use orchestrator::store::Operator;
use orchestrator::store::operator::{MemberChange, MemberId, Membership};

use super::status;
use crate::UsageError;
use crate::args::{Member, Members, OneMember};
use crate::store::existing;

/// Changes who the members are, and shows who they are then.
pub async fn run(command: Member) -> Result<(), BoxError> {
    let members = match command {
        Member::List(members) => open(&members).await?.members().await?,
        Member::Add(add) => {
            let (name, peer_urls) = (add.name, add.urls);
            let change = MemberChange::Add { name, peer_urls, learner: true };
            open(&add.members).await?.change_members(change).await?
        }
        Member::Promote(one) => change(&one, MemberChange::Promote).await?,
        Member::Remove(one) => change(&one, MemberChange::Remove).await?,
        Member::Update(moved) => {
            let to = |id| MemberChange::Update { id, peer_urls: moved.urls.clone() };
            change(&moved.one, to).await?
        }
        Member::Lead(one) => change(&one, MemberChange::Lead).await?,
    };
    println!("{}", status::members(&members));
    Ok(())
}

async fn open(members: &Members) -> Result<Arc<dyn Operator>, BoxError> {
    existing(&members.store, &members.etcd, &Env::system()).await
}

async fn change(
    one: &OneMember,
    change: impl FnOnce(MemberId) -> MemberChange,
) -> Result<Membership, BoxError> {
    let store = open(&one.members).await?;
    let id = find(&store.members().await?, &one.member)?;
    Ok(store.change_members(change(id)).await?)
}

/// The number of the member that `word` names.
fn find(membership: &Membership, word: &str) -> Result<MemberId, UsageError> {
    let members = || membership.members.iter();
    let named: Vec<_> = members().filter(|member| member.name == word).collect();
    let numbered = MemberId::from_str_radix(word, 16).ok();
    let numbered = numbered.filter(|id| members().any(|member| member.id == *id));
    match (named.as_slice(), numbered) {
        ([one], _) => Ok(one.id),
        ([], Some(id)) => Ok(id),
        ([], None) => Err(UsageError(format!("no member is called {word:?}").into())),
        _ => Err(UsageError(format!("several members are called {word:?}; say its number").into())),
    }
}

#[cfg(test)]
mod tests {
    use orchestrator::store::operator;

    use super::*;

    #[test]
    fn a_member_is_known_by_name_or_number() {
        let member = |id, name: &str| {
            let mut member = operator::Member::default();
            (member.id, member.name) = (id, name.to_owned());
            member
        };
        let mut membership = Membership::default();
        membership.members =
            vec![member(1, "a"), member(0xbc, "b"), member(3, "b"), member(4, "1")];
        let cases = [("a", Some(1)), ("bc", Some(0xbc)), ("b", None), ("1", Some(4)), ("9", None)];
        for (word, expected) in cases {
            assert_eq!(find(&membership, word).ok(), expected, "{word}");
        }
    }
}
