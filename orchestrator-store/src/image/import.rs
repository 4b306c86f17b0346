//! Makes a state machine of an image.

use bytes::Bytes;
use orchestrator_core::store::{Event, Revision};

use super::ImageError;
use super::block::{self, Blocks};
use super::record::{Record, Start};
use crate::mvcc::{Change, Contradiction, Limits, Mvcc, Restore};
use crate::wire::Reader;

/// Takes an image piece by piece.
#[derive(Debug)]
pub struct Importer {
    blocks: Blocks,
    building: Building,
}

impl Importer {
    /// Waits for an image; the state machine will have `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { blocks: Blocks::default(), building: Building::new(limits) }
    }

    /// Takes the next bytes, cut anywhere.
    ///
    /// # Errors
    /// They are no image; what follows is of no use.
    pub fn push(&mut self, bytes: Bytes) -> Result<(), ImageError> {
        self.blocks.push(bytes);
        while let Some((number, content)) = self.blocks.next()? {
            self.building.take(number, Reader::new(content))?;
        }
        Ok(())
    }

    /// The state machine, and what its engine wrote beside it.
    ///
    /// # Errors
    /// The image is not complete.
    pub fn finish(self) -> Result<(Mvcc, Bytes), ImageError> {
        if self.blocks.has_rest() {
            return Err(ImageError::Incomplete);
        }
        self.building.finish()
    }
}

/// A state machine that is being built of records.
#[derive(Debug)]
pub(crate) struct Building {
    limits: Limits,
    started: Option<(Start, Restore)>,
    /// The floor's changes, until their end.
    floor_events: Vec<Event>,
    /// The changes of a revision, until its end.
    changes: Vec<Change>,
    records: u64,
    ended: bool,
}

impl Building {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            started: None,
            floor_events: Vec::new(),
            changes: Vec::new(),
            records: 0,
            ended: false,
        }
    }

    /// Takes the records of the block numbered `block`.
    pub(crate) fn take(&mut self, block: u64, content: Reader) -> Result<(), ImageError> {
        block::records(block, content, |record| {
            self.record(record).map_err(|Contradiction| ImageError::Contradiction { block })?;
            self.records += 1;
            Ok(())
        })
    }

    pub(crate) fn finish(self) -> Result<(Mvcc, Bytes), ImageError> {
        let Some((start, restore)) = self.started.filter(|_| self.ended) else {
            return Err(ImageError::Incomplete);
        };
        let mvcc = restore.finish(start.newest).map_err(|Contradiction| ImageError::Incomplete)?;
        Ok((mvcc, start.meta))
    }

    fn record(&mut self, record: Record) -> Result<(), Contradiction> {
        if self.ended {
            return Err(Contradiction);
        }
        let Some((start, restore)) = &mut self.started else {
            return self.start(record);
        };
        match record {
            Record::Start(_) => return Err(Contradiction),
            Record::Lease { id, ttl, deadline } => restore.lease(id, ttl, deadline)?,
            Record::Key(kv) => restore.key(kv)?,
            Record::FloorEvent(event) if event.kv.mod_revision == start.floor => {
                self.floor_events.push(event);
            }
            Record::FloorEvent(_) => return Err(Contradiction),
            Record::Put(key, value, lease) => self.changes.push(Change::Put(key, value, lease)),
            Record::Delete(key) => self.changes.push(Change::Delete(key)),
            Record::Commit if self.floor_events.is_empty() => {
                restore.commit(std::mem::take(&mut self.changes))?;
            }
            Record::Commit => restore.floor_commit(std::mem::take(&mut self.floor_events))?,
            Record::End(records) => {
                let whole = self.changes.is_empty() && self.floor_events.is_empty();
                if records != self.records || !whole {
                    return Err(Contradiction);
                }
                self.ended = true;
            }
        }
        Ok(())
    }

    fn start(&mut self, record: Record) -> Result<(), Contradiction> {
        let Record::Start(start) = record else { return Err(Contradiction) };
        if start.newest < start.floor || start.newest == Revision::new(u64::MAX) {
            return Err(Contradiction);
        }
        let restore = Restore::new(self.limits.clone(), start.floor, start.last_chosen)?;
        self.started = Some((start, restore));
        Ok(())
    }
}
