//! `orchestrator store migrate`: from one engine to another.
//!
//! Files of ours are written with the revisions of the source; a store that runs gives out its own.

use futures::StreamExt;
use orchestrator::core::{BoxError, Env, Store};
use orchestrator::store::Operator;
use orchestrator::store::copy::{self, CopyError, Options, Progress, Report, Step};
use orchestrator::store::mvcc::Mvcc;

use super::whole::{self, Reading};
use crate::UsageError;
use crate::args::Migrate;
use crate::report::table;
use crate::store::{Bar, StoreUrl, Unit, existing, target};

pub async fn run(migrate: Migrate) -> Result<(), BoxError> {
    if migrate.from == migrate.to {
        return Err(UsageError("--from and --to name the same store".into()).into());
    }
    let env = Env::system();
    let from = existing(&migrate.from, &migrate.etcd, &env).await?;
    if let StoreUrl::Durable(folder) = &migrate.to {
        return whole::make(folder, read(&*from).await?, migrate.force, &env).await;
    }
    let to = target(&migrate.to, &migrate.etcd, &env).await?;
    let options = Options { replace: migrate.force };
    let report = copied(&*from, &*to, &env, options).await?;
    println!("{}", told(&report));
    Ok(())
}

/// The whole state of a store.
async fn read(from: &dyn Operator) -> Result<Mvcc, BoxError> {
    let mut reading = Reading::new(from.engine().await?.data_bytes);
    let mut image = from.image().await?;
    while let Some(piece) = image.next().await {
        reading.push(piece?)?;
    }
    reading.finish()
}

/// Copies under a bar.
pub async fn copied(
    from: &dyn Store,
    to: &dyn Store,
    env: &Env,
    options: Options,
) -> Result<Report, BoxError> {
    let mut bar = Bar::new();
    let show = |progress: Progress| {
        let step = match progress.step {
            Step::Clear => "taking away",
            Step::Write => "writing",
            Step::Check => "checking",
        };
        bar.show(step, Unit::Keys, progress.done, progress.total);
    };
    let outcome = copy::copy(from, to, env, options, show).await;
    bar.finish();
    outcome.map_err(|error| match error {
        CopyError::NotEmpty { .. } => {
            UsageError(format!("{error}; --force takes away what it holds").into()).into()
        }
        error => error.into(),
    })
}

/// What was copied and what was not, as a table and a sentence.
pub fn told(report: &Report) -> String {
    let mut facts = table(&["WHAT", "VALUE"]);
    facts.add_row(["keys", &report.digest.keys.to_string()]);
    facts.add_row(["bytes", &indicatif::HumanBytes(report.digest.bytes).to_string()]);
    facts.add_row(["leases", &report.leases.to_string()]);
    facts.add_row(["hash on both sides", &report.digest.to_string()]);
    facts.add_row(["revision read", &report.from.to_string()]);
    facts.add_row(["revision now", &report.to.to_string()]);
    format!(
        "{facts}\n\nNot kept, since a store that runs gives them out itself: revisions (they go on \
         from {} there; clients list again before they watch), history, and how much of its time \
         a lease had used up. A durable: store keeps revisions.",
        report.to
    )
}
