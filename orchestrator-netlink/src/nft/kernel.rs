//! The kernel's nftables, by netlink.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use nix::sys::socket::{setsockopt, sockopt};
use nlink::netlink::{Connection, Nftables as Wire};
use parking_lot::Mutex;
use tracing::debug;

use super::encode::{Shapes, encode};
use super::{Batch, Change, NftError, Nftables, Shape, TableId};

/// How large a transaction may be: it is one message to the kernel. 100,000 elements of IPv6 take
/// some 20 MiB.
const TRANSACTION_BYTES: usize = 256 * 1024 * 1024;

/// The rules of the network namespace in which it was made.
pub struct Kernel {
    connection: Connection<Wire>,
    shapes: Mutex<Known>,
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}

/// The shapes of the sets that were added here.
#[derive(Clone, Debug, Default)]
struct Known(BTreeMap<TableId, BTreeMap<String, Shape>>);

impl Shapes for Known {
    fn shape(&self, table: &TableId, set: &str) -> Option<Shape> {
        self.0.get(table)?.get(set).cloned()
    }
}

impl Known {
    fn learn(&mut self, table: &TableId, change: &Change) {
        match change {
            Change::Replace | Change::Remove => {
                self.0.remove(table);
            }
            Change::AddSet(name, shape) => {
                self.0.entry(table.clone()).or_default().insert(name.clone(), shape.clone());
            }
            Change::RemoveSet(name) => {
                self.0.entry(table.clone()).or_default().remove(name);
            }
            _ => {}
        }
    }
}

impl Kernel {
    /// The rules of the namespace in which the caller's thread is; needs `CAP_NET_ADMIN` there.
    ///
    /// # Errors
    /// The kernel has no nftables, or this process may not.
    pub fn open() -> Result<Self, NftError> {
        let connection = Connection::<Wire>::new().map_err(unavailable)?;
        let socket = connection.socket();
        setsockopt(socket, sockopt::SndBufForce, &TRANSACTION_BYTES)
            .map_err(|why| NftError::Unavailable(why.into()))?;
        Ok(Self { connection, shapes: Mutex::default() })
    }
}

#[async_trait]
impl Nftables for Kernel {
    async fn commit(&self, batch: Batch) -> Result<(), NftError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut known = self.shapes.lock().clone();
        let mut transaction = self.connection.transaction();
        for (table, change) in &batch.changes {
            known.learn(table, change);
            transaction = encode(transaction, table, change, &known)?;
        }
        debug!(changes = batch.changes.len(), "packet rules change");
        transaction.commit(&self.connection).await.map_err(|error| match error.errno() {
            Some(_) => NftError::Refused(error.to_string()),
            None => unavailable(error),
        })?;
        *self.shapes.lock() = known;
        Ok(())
    }
}

fn unavailable(error: nlink::Error) -> NftError {
    NftError::Unavailable(Box::new(error))
}
