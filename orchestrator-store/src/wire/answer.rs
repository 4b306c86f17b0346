//! What a command answered, and why one was refused.

use bytes::{Bytes, BytesMut};
use orchestrator_core::store::{LeaseInfo, StoreError};

use super::{Reader, VERSION, WireError, Writer};
use crate::mvcc::{Applied, REASONS};

/// What a refusal says whose reason this version does not know.
const UNKNOWN_REASON: &str = "the request breaks a rule";

/// Appends `answer` to `out`.
pub fn encode_answer(answer: &Result<Applied, StoreError>, out: &mut BytesMut) {
    let mut out = Writer::new(out);
    out.byte(VERSION);
    match answer {
        Ok(Applied::Txn(done)) => {
            out.byte(0);
            out.done(done);
        }
        Ok(Applied::Leases(leases)) => {
            out.byte(1);
            out.list(leases, Writer::lease_info);
        }
        Ok(Applied::Done) => out.byte(2),
        Err(error) => {
            out.byte(3);
            out.error(error);
        }
    }
}

/// Reads an answer; large values share `bytes`.
///
/// # Errors
/// The bytes are no answer.
pub fn decode_answer(bytes: Bytes) -> Result<Result<Applied, StoreError>, WireError> {
    let mut from = Reader::new(bytes);
    from.version()?;
    let answer = match from.byte()? {
        0 => Ok(Applied::Txn(from.done()?)),
        1 => Ok(Applied::Leases(from.list(Reader::lease_info)?)),
        2 => Ok(Applied::Done),
        3 => Err(from.error()?),
        _ => return from.bad_tag(),
    };
    from.end()?;
    Ok(answer)
}

impl Writer<'_> {
    fn lease_info(&mut self, info: &LeaseInfo) {
        self.signed(info.id);
        self.duration(info.ttl);
        self.duration(info.remaining);
        self.list(&info.keys, Self::key);
    }

    fn error(&mut self, error: &StoreError) {
        match error {
            StoreError::Compacted { wanted, oldest } => {
                self.byte(0);
                self.revision(*wanted);
                self.revision(*oldest);
            }
            StoreError::Future { wanted, newest } => {
                self.byte(1);
                self.revision(*wanted);
                self.revision(*newest);
            }
            StoreError::Invalid(reason) => {
                self.byte(2);
                self.bytes(reason.as_bytes());
            }
            StoreError::KeyNotFound => self.byte(3),
            StoreError::TooLarge { bytes, max } => {
                self.byte(4);
                self.size(*bytes);
                self.size(*max);
            }
            StoreError::LeaseNotFound(id) => {
                self.byte(5);
                self.signed(*id);
            }
            StoreError::LeaseExists(id) => {
                self.byte(6);
                self.signed(*id);
            }
            StoreError::NoSpace => self.byte(7),
            StoreError::Unavailable(source) => {
                self.byte(8);
                self.bytes(source.to_string().as_bytes());
            }
            StoreError::Unknown(source) => {
                self.byte(9);
                self.bytes(source.to_string().as_bytes());
            }
            // Of an error that this version does not know, nothing can be said for sure.
            other => {
                self.byte(9);
                self.bytes(other.to_string().as_bytes());
            }
        }
    }
}

impl Reader {
    fn lease_info(&mut self) -> Result<LeaseInfo, WireError> {
        Ok(LeaseInfo {
            id: self.signed()?,
            ttl: self.duration()?,
            remaining: self.duration()?,
            keys: self.list(Self::key)?,
        })
    }

    fn error(&mut self) -> Result<StoreError, WireError> {
        Ok(match self.byte()? {
            0 => StoreError::Compacted { wanted: self.revision()?, oldest: self.revision()? },
            1 => StoreError::Future { wanted: self.revision()?, newest: self.revision()? },
            2 => StoreError::Invalid(known_reason(self.slice()?)),
            3 => StoreError::KeyNotFound,
            4 => StoreError::TooLarge { bytes: self.size()?, max: self.size()? },
            5 => StoreError::LeaseNotFound(self.signed()?),
            6 => StoreError::LeaseExists(self.signed()?),
            7 => StoreError::NoSpace,
            8 => StoreError::Unavailable(self.text()?.into()),
            9 => StoreError::Unknown(self.text()?.into()),
            _ => return self.bad_tag(),
        })
    }
}

/// The reason as this program spells it.
fn known_reason(text: &[u8]) -> &'static str {
    let known = REASONS.iter().find(|known| known.as_bytes() == text);
    known.copied().unwrap_or(UNKNOWN_REASON)
}
