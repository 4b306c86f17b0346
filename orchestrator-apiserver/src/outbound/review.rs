//! Questions in the shape of objects, put to a remote server.

use std::time::Duration;

use orchestrator_core::{Env, Json};

use super::{Call, CallError, Remote};

/// How long a remote server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a question is put that got no answer.
const TRIES: u32 = 5;

/// How long is waited before the second try; each further wait is half as long again.
const FIRST_WAIT: Duration = Duration::from_millis(500);

impl Remote {
    /// Puts a question; the `status` of the answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) async fn review(&self, env: &Env, question: &Json) -> Result<Json, String> {
        let body = question.to_string();
        let mut wait = FIRST_WAIT;
        let mut last = String::new();
        for attempt in 1..=TRIES {
            match self.attempt(&body).await {
                Ok(status) => return Ok(status),
                Err(Attempt::Final(why)) => return Err(why),
                Err(Attempt::Again(why)) => last = why,
            }
            if attempt < TRIES {
                env.sleep(wait).await;
                wait = wait * 3 / 2;
            }
        }
        Err(last)
    }

    async fn attempt(&self, body: &str) -> Result<Json, Attempt> {
        let mut call = Call::post(&self.url, body.to_owned(), PATIENCE);
        call.headers.extend(self.headers.clone());
        let (code, answer) = self.caller.call(call).await.map_err(|error| match error {
            CallError::Address(_) | CallError::TooLong(_) => Attempt::Final(error.to_string()),
            other => Attempt::Again(other.to_string()),
        })?;
        if code.is_server_error() || code.as_u16() == 429 {
            return Err(Attempt::Again(format!("{} answered {code}", self.url)));
        }
        if !code.is_success() {
            return Err(Attempt::Final(format!("{} answered {code}", self.url)));
        }
        let answer: Json = serde_json::from_slice(&answer)
            .map_err(|error| Attempt::Final(format!("{}: {error}", self.url)))?;
        Ok(answer.get("status").cloned().unwrap_or_default())
    }
}

/// Why one try came to nothing.
enum Attempt {
    Again(String),
    Final(String),
}
