//! The best machine for each shape of task, without looking at all machines each time.
//!
//! For every shape the scores of all machines are kept with a tournament over them: the winner of
//! each half, of the halves of the halves, and so on. A machine that changes is noted in one
//! log; a shape reads the part of the log that is new to it when its next task comes, and plays
//! only the matches of those machines again.

/// The score of a machine that does not fit.
const OUT: i32 = i32::MIN;

/// The tournament of one shape.
#[derive(Clone, Debug, Default)]
pub(super) struct Tournament {
    /// By seat: the machine with the lowest seat wins among equals.
    scores: Vec<i32>,
    /// The seat of the winner of each match; the final is at 1, the matches below `i` at `2 i`
    /// and `2 i + 1`, and the seats themselves below those.
    winners: Vec<u32>,
    /// How much of the log has been read.
    pub(super) read: usize,
}

impl Tournament {
    /// A tournament of `seats` machines, none of which fits.
    pub(super) fn new(seats: usize) -> Self {
        let width = seats.next_power_of_two();
        let mut winners = vec![0; 2 * width];
        for seat in 0..width {
            winners[width + seat] = seat as u32;
        }
        for place in (1..width).rev() {
            winners[place] = winners[2 * place];
        }
        Self { scores: vec![OUT; width], winners, read: 0 }
    }

    /// Sets the score of a seat; `None` where it does not fit.
    pub(super) fn set(&mut self, seat: u32, score: Option<i32>) {
        let score = score.unwrap_or(OUT);
        let before = std::mem::replace(&mut self.scores[seat as usize], score);
        if before == score {
            return;
        }
        let mut place = (self.scores.len() + seat as usize) / 2;
        while place > 0 {
            let (left, right) = (self.winners[2 * place], self.winners[2 * place + 1]);
            let right_wins = self.scores[right as usize] > self.scores[left as usize];
            let winner = if right_wins { right } else { left };
            // The seat lost here before and loses again: nobody above has heard of it.
            if winner == self.winners[place] && winner != seat {
                return;
            }
            self.winners[place] = winner;
            place /= 2;
        }
    }

    /// Whether the machine in a seat fits.
    pub(super) fn fits(&self, seat: u32) -> bool {
        self.scores[seat as usize] != OUT
    }

    /// The seat of the best machine, the lowest among equals; `None` where none fits.
    pub(super) fn winner(&self) -> Option<u32> {
        let seat = self.winners[1.min(self.winners.len() - 1)];
        self.fits(seat).then_some(seat)
    }

    /// The seats of the best machines, in order.
    pub(super) fn winners(&self) -> impl Iterator<Item = u32> {
        let best = self.winner().map_or(OUT, |seat| self.scores[seat as usize]);
        let seats = self.scores.iter().enumerate();
        let seats = seats.filter(move |(_, score)| **score != OUT && **score == best);
        seats.map(|(seat, _)| seat as u32)
    }
}
