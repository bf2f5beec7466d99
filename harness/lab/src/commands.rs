//! The commands, one file each, and how they end.

mod benches;
mod compare;
mod conformance;
mod drivers;
mod faults;
mod latency;
mod report;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use tsoracle_testbed::{Backend, Network, run_node_process_if_asked};

use crate::cli::{Cli, Command};
use crate::console::say;
use crate::error::LabError;

/// How a run ended that had a verdict to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Everything held.
    Good,
    /// A check failed or was invalid, or a fault scenario was unsafe, invalid or failed.
    Bad,
}

impl Ending {
    /// Good only if both are.
    fn and(self, other: Self) -> Self {
        match self {
            Self::Good => other,
            Self::Bad => Self::Bad,
        }
    }
}

/// The `lab` command with these drivers: reads the process' arguments, runs, and returns the exit
/// status that `lab --help` explains. Call it first in `main`: it also serves the node processes
/// that the suite starts from the same program.
#[must_use]
pub fn run(backends: &[Arc<dyn Backend>]) -> ExitCode {
    run_with_network(backends, None)
}

/// As [`run`], with the network that the drivers share: what it costs is measured beside them.
#[must_use]
pub fn run_with_network(
    backends: &[Arc<dyn Backend>],
    network: Option<&Arc<dyn Network>>,
) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    if let Some(code) = run_node_process_if_asked(backends) {
        return code;
    }
    match dispatch(Cli::parse(), backends, network) {
        Ok(Ending::Good) => ExitCode::SUCCESS,
        Ok(Ending::Bad) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("lab: {error}"));
            error.exit_code()
        }
    }
}

fn dispatch(
    cli: Cli,
    backends: &[Arc<dyn Backend>],
    network: Option<&Arc<dyn Network>>,
) -> Result<Ending, LabError> {
    match cli.command {
        Command::Drivers { output } => drivers::run(backends, output.format),
        Command::Conformance {
            run,
            suite,
            size,
            output,
        } => conformance::run(backends, &run, &suite, size, output.format),
        Command::Latency { run, size, output } => {
            latency::run(backends, network, &run, size, output.format)
        }
        Command::Compare {
            run,
            suite,
            size,
            output,
        } => {
            let plan = compare::Plan { run, suite, size };
            compare::run(backends, network, &plan, output.format)
        }
        Command::Faults {
            run,
            faults,
            size,
            output,
        } => faults::run(backends, &run, &faults, size, output.format),
        Command::Soak {
            run,
            soak,
            size,
            output,
        } => faults::soak(backends, &run, &soak, size, output.format),
        Command::Benches {
            criterion,
            into,
            output,
        } => benches::run(&criterion, &into, output.format),
        Command::Report {
            results,
            out,
            documents,
            output,
        } => report::run(&results, out.as_deref(), &documents, output.format),
    }
}
