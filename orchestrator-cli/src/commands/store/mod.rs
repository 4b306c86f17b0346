//! `orchestrator store ...`: looking after stores.

mod compact;
mod member;
mod migrate;
mod restore;
mod snapshot;
mod status;
mod whole;

use orchestrator::core::BoxError;

use crate::args::Store;

pub async fn run(command: Store) -> Result<(), BoxError> {
    match command {
        Store::Status(one) => status::run(one).await,
        Store::Snapshot(snapshot) => snapshot::run(snapshot).await,
        Store::Restore(restore) => restore::run(restore).await,
        Store::Migrate(migrate) => migrate::run(migrate).await,
        Store::Compact(compact) => compact::run(compact).await,
        Store::Member(member) => member::run(member).await,
    }
}
