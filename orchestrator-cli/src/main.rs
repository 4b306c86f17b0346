//! The `orchestrator` program: a whole cluster in one process, or its parts one by one.
//!
//! [`args`] is the command line; each command is one file in [`commands`]. What a command shows
//! to people goes to stdout ([`progress`], [`report`]), traces and errors go to stderr.

mod allocation;
mod args;
mod commands;
mod limits;
mod progress;
mod report;
mod store;
mod waiting;

use std::process::ExitCode;

use clap::Parser;
use orchestrator::core::BoxError;

use args::{Cli, Command, Toolbox};
use commands::toolbox::Page;

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;

/// The exit code of a command line or manifest that cannot be used, as of a bad usage in shells.
const EXIT_USAGE: u8 = 2;

/// A failure that the user can mend by asking for something else.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UsageError(pub BoxError);

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = trace(&cli.log, cli.log_json) {
        return fail(&error);
    }
    limits::raise_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(command: Command) -> Result<(), BoxError> {
    match command {
        Command::Up(up) => commands::up::run(*up).await,
        Command::Server(server) => commands::server::run(*server).await,
        Command::Agent(agent) => commands::agent::run(agent).await,
        Command::Scheduler(scheduler) => commands::scheduler::run(scheduler).await,
        Command::Explain(explain) => commands::explain::run(explain).await,
        Command::Controllers(remote) => commands::parts::controllers(remote).await,
        Command::Etcd(serve) => commands::etcd::run(*serve).await,
        Command::Store(command) => commands::store::run(*command).await,
        Command::Bench(bench) => commands::bench::run(bench).await,
        Command::Image(command) => commands::image::run(command).await,
        Command::Toolbox(Toolbox::Http { listen, text, upstream }) => {
            commands::toolbox::http(listen, Page { text, upstream }).await
        }
        Command::Version => {
            println!("orchestrator {}", env!("CARGO_PKG_VERSION"));
            println!("kubernetes API v1.36");
            Ok(())
        }
    }
}

/// Tells the error with all that is behind it.
fn fail(error: &BoxError) -> ExitCode {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  caused by: {cause}");
        source = cause.source();
    }
    match error.is::<UsageError>() {
        true => ExitCode::from(EXIT_USAGE),
        false => ExitCode::FAILURE,
    }
}

fn trace(filter: &str, json: bool) -> Result<(), BoxError> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|why| UsageError(format!("--log {filter:?}: {why}").into()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        builder.json().init()
    } else {
        builder.init()
    }
    Ok(())
}
