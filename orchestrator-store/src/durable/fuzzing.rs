//! A fuzz target: entries of the log and what goes with a checkpoint.

use bytes::Bytes;

use super::entry::Request;
use super::state::State;

/// Reads `data` as an entry of every kind, and as the state beside a checkpoint.
///
/// # Panics
/// A request that is accepted cannot be encoded.
pub fn fuzz_entry(data: &[u8]) {
    for kind in 0..4 {
        if let Ok((request, _)) = Request::decode(kind, Bytes::copy_from_slice(data)) {
            // Of commands some are refused, whoever wrote them into the log.
            let refused = request.encode().is_err();
            assert!(!refused || kind == 0, "{request:?}");
        }
    }
    if let Ok(state) = State::decode(Bytes::copy_from_slice(data)) {
        assert_eq!(State::decode(state.encode()), Ok(state));
    }
}
