//! Answers of others, kept for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use orchestrator_core::Env;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// The most answers that are kept; beyond that the one that ends first is let go.
const MAX_KEPT: usize = 4096;

/// Answers by questions; of a question only a digest is kept, for it may hold a secret.
#[derive(Debug)]
pub(crate) struct Expiring<V> {
    env: Env,
    kept: Mutex<BTreeMap<[u8; 32], (Instant, V)>>,
}

impl<V: Clone> Expiring<V> {
    pub(crate) fn new(env: Env) -> Self {
        Self { env, kept: Mutex::default() }
    }

    /// The answer to a question, while it counts.
    pub(crate) fn get(&self, question: &str) -> Option<V> {
        let key = digest(question);
        let mut kept = self.kept.lock();
        match kept.get(&key) {
            Some((end, value)) if self.env.instant() < *end => Some(value.clone()),
            Some(_) => {
                kept.remove(&key);
                None
            }
            None => None,
        }
    }

    /// Keeps an answer for so long.
    pub(crate) fn put(&self, question: &str, value: V, time: Duration) {
        if time.is_zero() {
            return;
        }
        let now = self.env.instant();
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (end, _)| now < *end);
        }
        if kept.len() >= MAX_KEPT {
            let first = kept.iter().min_by_key(|(_, (end, _))| *end).map(|(key, _)| *key);
            first.and_then(|key| kept.remove(&key));
        }
        kept.insert(digest(question), (now + time, value));
    }
}

fn digest(question: &str) -> [u8; 32] {
    Sha256::digest(question.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_its_time_and_there_are_never_too_many() {
        let env = Env::simulated(1);
        let kept = Expiring::new(env.clone());
        kept.put("a", 1, Duration::from_secs(10));
        kept.put("b", 2, Duration::ZERO);
        assert_eq!((kept.get("a"), kept.get("b")), (Some(1), None));
        env.sleep(Duration::from_secs(11)).await;
        assert_eq!(kept.get("a"), None);
        for n in 0..MAX_KEPT + 10 {
            kept.put(&n.to_string(), n, Duration::from_secs(10));
        }
        assert_eq!(kept.kept.lock().len(), MAX_KEPT);
    }
}
