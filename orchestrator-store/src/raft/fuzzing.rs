//! A fuzz target: what is decoded from another member's bytes encodes to what decodes the same.

use bytes::{Bytes, BytesMut};

use super::message::{decoded, encoded, payload_bytes, read_payload};
use super::state::State;
use crate::wire::{Reader, Writer};

/// Decodes `data` as the message that its first byte chooses.
///
/// # Panics
/// What is decoded does not decode again to the same.
pub fn fuzz_member_message(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    match kind % 14 {
        0 => check(body, Reader::append, |out, (place, message)| out.append(*place, message)),
        1 => check(body, Reader::append_answer, |out, message| out.append_answer(message)),
        2 => check(body, Reader::vote_request, |out, message| out.vote_request(message)),
        3 => check(body, Reader::vote_answer, |out, message| out.vote_answer(message)),
        4 => check(body, Reader::piece, |out, message| out.piece(message)),
        5 => check(body, Reader::transfer, |out, message| out.transfer(message)),
        6 => check(body, Reader::transfer_answer, |out, message| out.transfer_answer(message)),
        7 => check(body, Reader::propose, |out, message| out.propose(message)),
        8 => check(body, Reader::join, |out, message| out.join(message)),
        9 => check(body, Reader::change, |out, message| out.change(message)),
        10 => check(body, Reader::welcome, |out, message| out.welcome(message)),
        11 => check(body, Reader::outcome, |out, message| out.outcome(message)),
        12 => check(body, Reader::read_answer, |out, message| out.read_answer(message)),
        _ => fuzz_entry(body),
    }
}

/// Decodes `body` as an entry of the log, whose kind is its first byte.
fn fuzz_entry(mut body: Bytes) {
    if body.is_empty() {
        return;
    }
    let kind = body.split_to(1)[0];
    for apart in [true, false] {
        let from = match apart {
            true => Reader::apart(body.clone()),
            false => Reader::new(body.clone()),
        };
        let read = |mut from: Reader| {
            let payload = read_payload(kind, &mut from)?;
            from.end().map(|()| payload)
        };
        let Ok(payload) = read(from) else { continue };
        let mut bytes = BytesMut::new();
        assert_eq!(payload_bytes(&payload, &mut bytes), kind);
        let again = read(Reader::new(bytes.freeze())).expect("what was encoded decodes");
        assert_eq!(again, payload);
    }
}

/// Decodes `data` as what goes with an image.
///
/// # Panics
/// What is decoded does not decode again to the same.
pub fn fuzz_image_state(data: &[u8]) {
    if let Ok(state) = State::decode(Bytes::copy_from_slice(data)) {
        assert_eq!(State::decode(state.encode()), Ok(state));
    }
}

fn check<T>(
    body: Bytes,
    read: impl Fn(&mut Reader) -> Result<T, crate::wire::WireError>,
    write: impl Fn(&mut Writer<'_>, &T),
) {
    if let Ok(message) = decoded(body, &read) {
        let bytes = encoded(|out| write(out, &message));
        let again = decoded(bytes.clone(), &read).expect("what was encoded decodes");
        assert_eq!(encoded(|out| write(out, &again)), bytes);
    }
}

#[cfg(test)]
mod tests {
    use openraft::entry::RaftEntry;
    use openraft::raft::{AppendEntriesRequest, VoteRequest};
    use orchestrator_core::store::StoreError;
    use proptest::prelude::*;

    use super::super::commands::Commands;
    use super::super::message::{Join, Outcome, Propose, ReadPoint};
    use super::super::turnstile::Place;
    use super::super::types::{
        Entry, Members, Node, Payload, Proposal, Reply, Request, Vote, log_id,
    };
    use super::*;
    use crate::mvcc::Applied;
    use crate::operator::MemberChange;

    fn messages() -> Vec<(u8, Bytes)> {
        let node = Node { name: "a".into(), peer_urls: vec!["u".into()], ..Node::default() };
        let members = Members::new(
            vec![[1].into(), [1, 2].into()],
            [(1, node.clone()), (2, node.clone())]
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>(),
        )
        .unwrap();
        let at = std::time::Duration::from_millis(1500);
        let request = Request::Commands(Commands::one(b"command"));
        let append = AppendEntriesRequest {
            vote: Vote::new_committed(3, 1),
            prev_log_id: Some(log_id(2, 4)),
            leader_commit: None,
            entries: vec![
                Entry::new_blank(log_id(3, 5)),
                Entry::new_normal(log_id(3, 6), Proposal { at, request: request.clone() }),
                Entry::new_membership(log_id(3, 7), members),
            ],
        };
        let place = Place { sending: 5, number: 300 };
        let vote = VoteRequest::new(Vote::new(4, 2), Some(log_id(3, 7)));
        let answers = vec![Ok(Applied::Done), Err(StoreError::KeyNotFound)];
        let outcome = Outcome::Applied { index: 7, reply: Reply::Commands(answers) };
        let payload = Payload::Normal(Proposal { at, request: request.clone() });
        let mut entry = BytesMut::new();
        let kind = payload_bytes(&payload, &mut entry);
        let entry = BytesMut::from(&[&[kind], &entry[..]].concat()[..]);
        let propose = Propose { term: 3, session: 9, number: 1, request };
        let join = Join { id: 0, node, learner: true };
        vec![
            (0, encoded(|out| out.append(place, &append))),
            (2, encoded(|out| out.vote_request(&vote))),
            (7, encoded(|out| out.propose(&propose))),
            (8, encoded(|out| out.join(&join))),
            (9, encoded(|out| out.change(&MemberChange::Promote(3)))),
            (11, encoded(|out| out.outcome(&outcome))),
            (12, encoded(|out| out.read_answer(&Ok(ReadPoint { index: 300, at })))),
            (13, entry.freeze()),
        ]
    }

    #[test]
    fn messages_decode_to_themselves_and_cut_ones_to_nothing() {
        for (kind, body) in messages() {
            let whole: Vec<u8> = [&[kind], &body[..]].concat();
            fuzz_member_message(&whole);
            for end in 0..whole.len() {
                fuzz_member_message(&whole[..end]);
            }
        }
        let (_, append) = &messages()[0];
        assert!(decoded(append.slice(..append.len() - 1), Reader::append).is_err());
        assert!(decoded(append.clone(), Reader::append).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz_member_message(&data);
            fuzz_image_state(&data);
        }

        #[test]
        fn changed_messages_do_no_harm(which in 0_usize..8, at in any::<usize>(), byte in any::<u8>()) {
            let (kind, body) = &messages()[which];
            let mut data: Vec<u8> = [&[*kind], &body[..]].concat();
            let at = at % data.len();
            data[at] = byte;
            fuzz_member_message(&data);
        }
    }
}
