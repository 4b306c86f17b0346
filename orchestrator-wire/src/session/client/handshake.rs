//! The handshake: the headers that ask for a WebSocket, and whether the answer grants one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use orchestrator_core::{Env, Status};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::super::{V4, V5};

/// The protocols that [`exec`](super::exec) speaks: only with version 5 an input can end.
pub const EXEC: &[Version] = &[Version::V5];

/// The protocols that [`forward`](super::forward) speaks, the best first.
pub const FORWARD: &[Version] = &[Version::V5, Version::V4];

/// A version of the protocol of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Channels end with the session.
    V4,
    /// The sender of a channel can say that it is done.
    V5,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::V4 => V4,
            Self::V5 => V5,
        }
    }
}

/// A WebSocket that is asked for.
#[derive(Debug)]
pub struct Handshake {
    key: String,
    offered: &'static [Version],
}

impl Handshake {
    /// Asks for a session in one of these protocols.
    pub fn new(offered: &'static [Version], env: &Env) -> Self {
        // Sixteen bytes that only keep caches from answering; they are no secret.
        let mut bytes = env.uid().into_bytes();
        bytes.truncate(16);
        Self { key: BASE64_STANDARD.encode(bytes), offered }
    }

    /// The headers of the request.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        if let Ok(key) = HeaderValue::from_str(&self.key) {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        for version in self.offered {
            let name = HeaderValue::from_static(version.name());
            headers.append(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
        headers
    }

    /// The protocol that the server has chosen.
    ///
    /// # Errors
    /// 502: the server does not speak WebSocket, or none of the protocols.
    pub fn accepted<B>(&self, answer: &Response<B>) -> Result<Version, Status> {
        let text = |name| answer.headers().get(name).and_then(|v| v.to_str().ok());
        let refused = |why: &str| Status::new(502, "", format!("cannot open a session: {why}"));
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refused("the server does not upgrade the connection"));
        }
        if text(header::SEC_WEBSOCKET_ACCEPT) != Some(&*derive_accept_key(self.key.as_bytes())) {
            return Err(refused("the server answers another request"));
        }
        let chosen = text(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
        let version = self.offered.iter().find(|version| version.name() == chosen);
        version.copied().ok_or_else(|| refused("the server speaks none of the protocols"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, accept: &str, protocol: &str) -> Response<()> {
        let answer = Response::builder().status(code).header(header::SEC_WEBSOCKET_ACCEPT, accept);
        answer.header(header::SEC_WEBSOCKET_PROTOCOL, protocol).body(()).unwrap()
    }

    #[test]
    fn only_an_answer_to_this_request_in_an_offered_protocol_is_taken() {
        let handshake = Handshake::new(FORWARD, &Env::simulated(1));
        let accept = derive_accept_key(handshake.key.as_bytes());
        let take =
            |code, accept: &str, protocol| handshake.accepted(&answer(code, accept, protocol));
        assert_eq!(take(101, &accept, V5), Ok(Version::V5));
        assert_eq!(take(101, &accept, V4), Ok(Version::V4));
        for (code, accept, protocol) in
            [(200, &*accept, V5), (101, "other", V5), (101, &*accept, ""), (101, &*accept, "v3")]
        {
            assert_eq!(take(code, accept, protocol).unwrap_err().code, 502);
        }
        assert_eq!(BASE64_STANDARD.decode(&handshake.key).unwrap().len(), 16);
        assert_eq!(handshake.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().count(), 2);
    }
}
