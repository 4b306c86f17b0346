//! What engines tell of their inside, beyond what clients see.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use super::Stage;
use crate::sim::coverage::Thing;

/// Takes what one life of a member tells of its inside.
#[derive(Clone)]
pub struct Inside {
    stage: Weak<Stage>,
    place: usize,
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Something that an engine tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happening {
    /// An entry of the log was applied.
    Applied(Applied),
    /// An image of the state is being made.
    ImageMade,
    /// Another member's image was taken over.
    ImageInstalled {
        /// The index of the entry that is applied next.
        next: u64,
    },
    /// The beginning of the log was forgotten.
    Purged,
}

/// An entry of a replicated log as one member applied it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its place in the log.
    pub index: u64,
    /// The term that it was proposed in.
    pub term: u64,
    /// A number that stands for what it says.
    pub digest: u32,
}

/// The one log that all members must apply.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    entries: BTreeMap<u64, Applied>,
}

impl Agreement {
    /// Notes an entry; tells whether it could be compared.
    ///
    /// # Errors
    /// Another entry was applied in its place.
    fn note(&mut self, entry: Applied) -> Result<bool, Applied> {
        match self.entries.insert(entry.index, entry) {
            Some(known) if known != entry => Err(known),
            known => Ok(known.is_some()),
        }
    }

    /// How many terms there were in which something was applied.
    pub(super) fn terms(&self) -> u64 {
        let mut terms: Vec<u64> = self.entries.values().map(|entry| entry.term).collect();
        terms.dedup();
        terms.len() as u64
    }
}

impl Inside {
    pub(super) fn new(stage: &Arc<Stage>, place: usize) -> Self {
        Self { stage: Arc::downgrade(stage), place }
    }

    /// Takes note of `happening`.
    pub fn saw(&self, happening: Happening) {
        let Some(stage) = self.stage.upgrade() else { return };
        let place = self.place;
        match happening {
            Happening::Applied(entry) => {
                let noted = {
                    let mut record = stage.record.lock();
                    record.agreement.note(entry)
                };
                match noted {
                    Ok(true) => stage.saw(Thing::EntryAgreed),
                    Ok(false) => {}
                    Err(known) => {
                        let detail = format!("member {place} applied {entry:?}, another {known:?}");
                        stage.violation("applied logs agree", detail);
                    }
                }
            }
            Happening::ImageMade => stage.saw(Thing::ImageMade),
            Happening::ImageInstalled { next } => {
                stage.note(format_args!("member {place} takes over an image up to {next}"));
                stage.saw(Thing::ImageInstalled);
            }
            Happening::Purged => stage.saw(Thing::Purged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_differs_is_found_and_terms_are_counted() {
        let entry = |index, term, digest| Applied { index, term, digest };
        let mut agreement = Agreement::default();
        let applied = [entry(1, 1, 5), entry(2, 3, 6), entry(1, 1, 5), entry(3, 3, 6)];
        let noted = applied.map(|entry| agreement.note(entry));
        assert_eq!(noted, [Ok(false), Ok(false), Ok(true), Ok(false)]);
        assert_eq!(agreement.terms(), 2);
        assert_eq!(agreement.note(entry(2, 3, 7)), Err(entry(2, 3, 6)));
    }
}
