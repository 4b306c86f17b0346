//! Who the adapter is: a name and a password, and the token that etcd gives for them.

use parking_lot::Mutex;
use tonic::metadata::{Ascii, MetadataValue};

/// The header that carries a token.
pub(super) const HEADER: &str = "token";

/// A token as it travels.
pub(super) type Token = MetadataValue<Ascii>;

/// Name, password, and the newest token.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
    held: Mutex<Held>,
    /// One asks for a token while the others wait for it: etcd makes passwords slow to check.
    pub(super) asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// Counts the tokens, so that one that ran out is thrown away once.
    number: u64,
    /// etcd said that it uses neither names nor passwords.
    disabled: bool,
}

impl Login {
    pub(super) fn new(user: String, password: String) -> Self {
        Self { user, password, held: Mutex::default(), asking: tokio::sync::Mutex::new(()) }
    }

    /// The token with its number, `None` where one must be asked for. No token has number 0: it
    /// is the answer where etcd wants none.
    pub(super) fn held(&self) -> Option<(Option<Token>, u64)> {
        let held = self.held.lock();
        match &held.token {
            Some(token) => Some((Some(token.clone()), held.number)),
            None if held.disabled => Some((None, 0)),
            None => None,
        }
    }

    /// Takes a new token, `None` where etcd wants none.
    pub(super) fn take(&self, token: Option<Token>) {
        let mut held = self.held.lock();
        held.number += 1;
        held.disabled = token.is_none();
        held.token = token;
    }

    /// Throws the token with this number away; 0 for whatever there is.
    pub(super) fn forget(&self, number: u64) {
        let mut held = self.held.lock();
        if number == 0 || held.number == number {
            held.token = None;
            held.disabled = false;
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_ran_out_is_thrown_away_once() {
        let login = Login::new("root".into(), "secret".into());
        assert!(login.held().is_none());
        login.take(Some(MetadataValue::from_static("a")));
        let (_, first) = login.held().expect("a token");
        login.forget(first);
        assert!(login.held().is_none());
        login.take(Some(MetadataValue::from_static("b")));
        login.forget(first);
        assert_eq!(login.held().expect("the new token is kept").0.expect("a token"), "b");
        login.take(None);
        assert_eq!(login.held(), Some((None, 0)), "none is wanted");
        assert!(!format!("{login:?}").contains("secret"));
    }
}
