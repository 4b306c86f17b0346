//! Randomness from the environment, in the shape that openraft draws it.

use std::convert::Infallible;

use orchestrator_core::Env;
use rand_core::TryRng;

/// One bit more than a 32-bit word has.
const WORD: u64 = 1 << 32;

/// Draws from the environment: from the seed alone in a simulation.
pub(crate) struct Random(pub(super) Env);

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.0.random_below(WORD)).expect("below 2^32"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.random_below(WORD) << 32 | self.0.random_below(WORD))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_seed_decides_every_word() {
        let draw = |seed| {
            let mut random = Random(Env::simulated(seed));
            let mut bytes = [0; 11];
            random.try_fill_bytes(&mut bytes).unwrap();
            (random.try_next_u32().unwrap(), random.try_next_u64().unwrap(), bytes)
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
