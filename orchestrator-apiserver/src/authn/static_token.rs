//! Fixed bearer tokens, such as the administrator's.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use orchestrator_core::UserInfo;
use sha2::{Digest, Sha256};

use super::{Authentication, Authenticator, Credentials};

/// Knows the holders of fixed tokens.
///
/// Tokens are kept and looked up as digests, so that the time of a look-up tells nothing about
/// how near a guess was.
#[derive(Clone, Default)]
pub struct StaticTokens {
    users: BTreeMap<[u8; 32], UserInfo>,
}

impl StaticTokens {
    /// Each token belongs to the user beside it; an empty token belongs to nobody.
    pub fn new(tokens: impl IntoIterator<Item = (String, UserInfo)>) -> Self {
        let tokens = tokens.into_iter().filter(|(token, _)| !token.is_empty());
        Self { users: tokens.map(|(token, user)| (digest(&token), user)).collect() }
    }
}

/// A line of a token file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the token file needs a token, a user and a uid")]
pub struct TokenFileError {
    line: usize,
}

impl StaticTokens {
    /// Reads a token file: a line of `token,user,uid`, or `token,user,uid,"group,group"`, for each
    /// token. Lines that are empty or begin with `#` are passed over.
    ///
    /// # Errors
    /// A line has fewer fields.
    pub fn from_csv(text: &str) -> Result<Self, TokenFileError> {
        let mut tokens = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fields = fields(line);
            let [token, name, uid, more @ ..] = fields.as_slice() else {
                return Err(TokenFileError { line: at + 1 });
            };
            let groups = more.iter().flat_map(|groups| groups.split(','));
            let groups = groups.map(str::trim).filter(|group| !group.is_empty());
            let user = UserInfo { uid: uid.clone(), ..UserInfo::new(name.as_str(), groups) };
            tokens.push((token.clone(), user));
        }
        Ok(Self::new(tokens))
    }
}

/// The fields of a line; one in quotes may hold commas, and quotes that are doubled.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        let last = fields.last_mut().expect("there is one from the beginning");
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => last.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => last.push(letter),
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokens").field("tokens", &self.users.len()).finish()
    }
}

#[async_trait]
impl Authenticator for StaticTokens {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let user = credentials.bearer.and_then(|token| self.users.get(&digest(token)));
        user.map_or(Authentication::Abstain, |user| Authentication::Known(user.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_names_users_with_their_groups() {
        let text = "# who\n\nt1, jane ,u1\nt2,joe,u2,\"dev, ops\"\n";
        let tokens = StaticTokens::from_csv(text).unwrap();
        let who = async |token| {
            let credentials = Credentials { bearer: Some(token), ..Credentials::default() };
            tokens.authenticate(credentials).await
        };
        let jane = UserInfo { uid: "u1".into(), ..UserInfo::new("jane", Vec::<String>::new()) };
        assert_eq!(who("t1").await, Authentication::Known(jane));
        let joe = UserInfo { uid: "u2".into(), ..UserInfo::new("joe", ["dev", "ops"]) };
        assert_eq!(who("t2").await, Authentication::Known(joe));
        assert_eq!(who("t3").await, Authentication::Abstain);
        assert!(StaticTokens::from_csv("t1,jane").unwrap_err().to_string().contains("line 1"));
        assert_eq!(fields("a,\"b \"\"c\"\"\""), ["a", "b \"c\""]);
    }
}
