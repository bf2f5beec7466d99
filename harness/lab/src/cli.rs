//! The command line: what it accepts, and how it explains itself.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Evidence for the choice of a consensus driver.
///
/// Runs one conformance suite and one latency harness against every driver, on this machine and
/// this disk, and writes a report from the results.
#[derive(Debug, Parser)]
#[command(name = "lab", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit status:
  0  everything held
  1  a check failed or was invalid, a fault scenario was unsafe, invalid or failed, or a driver
     declares what no held check proves
  2  the command was used wrongly
  3  the environment failed: a folder, a disk, a damaged file

Start with `lab drivers`, then `lab compare`.";

const COMPARE: &str = "\
Profiles, with times on two cores:
  quick  One driver of each kind, without its variants: latency from few samples, every check once, five
         leader crashes, five handoffs, and the three partial partitions once each. About 8 minutes
         for a driver of one node and two replicated ones.
  full   Every driver: latency with its tails, every check once, and every fault scenario: 30 runs
         where the report shows a figure, 3 where it shows a verdict. Experiments take part in
         the scenarios alone. About 15 minutes for the latency and checks of a replicated driver,
         and 45 for its scenarios.

Every result is kept as it comes: `--resume` goes on where a run stopped, with the same options.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the drivers and what each declares of itself
    Drivers {
        #[command(flatten)]
        output: Output,
    },
    /// Run the conformance suite: every clause of the contract, check by check
    #[command(
        after_help = "Examples:\n  lab conformance --driver file --check 'first_*' --seed 7\n  \
                             lab conformance --driver file --repeat 20"
    )]
    Conformance {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        suite: Suite,
        #[command(flatten)]
        size: Size,
        #[command(flatten)]
        output: Output,
    },
    /// Measure latency beside its floors
    Latency {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        size: Size,
        #[command(flatten)]
        output: Output,
    },
    /// Latency, conformance, failover and fault scenarios, and a report of all of them
    #[command(after_help = COMPARE)]
    Compare {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        suite: Suite,
        #[command(flatten)]
        size: Size,
        #[command(flatten)]
        output: Output,
    },
    /// Run fault scenarios: crashes, pauses, partitions, bad disks, jumping clocks
    #[command(after_help = "Examples:\n  lab faults --list\n  \
                             lab faults --driver openraft --scenario 'leader_*'\n  \
                             lab faults --replay reports/latest/results.json --out again\n\n\
                      A stall or a livelock is a result; unsafe, invalid and failed runs are not.")]
    Faults {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        faults: Faults,
        #[command(flatten)]
        size: Size,
        #[command(flatten)]
        output: Output,
    },
    /// Run the long scenarios: no false election under load, leaders that fall one after the other
    Soak {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        soak: Soak,
        #[command(flatten)]
        size: Size,
        #[command(flatten)]
        output: Output,
    },
    /// Put criterion's estimates into a file of results, as `make bench` does
    Benches {
        /// Where criterion keeps them: `criterion` in cargo's target folder
        #[arg(long, value_name = "FOLDER")]
        criterion: PathBuf,
        /// The results; they begin anew if there are none
        #[arg(
            long,
            value_name = "FILE",
            default_value = "reports/latest/results.json"
        )]
        into: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Write the report again from a file of results
    Report {
        /// The results, as `lab compare` wrote them
        results: PathBuf,
        /// Where the report goes [default: beside the results]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// Also put the table of results between the markers of this document [repeatable]
        #[arg(long = "splice", value_name = "FILE")]
        documents: Vec<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
}

/// Which part of the suite, and how often.
#[derive(Clone, Debug, Args)]
pub(crate) struct Suite {
    /// Only these checks; a `*` stands for any text [repeatable]
    #[arg(long = "check", value_name = "NAME")]
    pub(crate) checks: Vec<String>,
    /// Run each check this often, with consecutive seeds; a failure does not stop the run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) repeat: u64,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
}

/// How much runs at a time.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Jobs {
    /// How many checks or scenarios run at a time, but one that measures a figure runs alone
    /// [default: three for two cores, since most of them wait]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    jobs: Option<u16>,
}

impl Jobs {
    #[cfg(test)]
    pub(crate) fn of(jobs: u16) -> Self {
        Self { jobs: Some(jobs) }
    }

    /// How many.
    pub(crate) fn count(self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs
            .map_or_else(|| cores().div_ceil(2) + cores(), usize::from)
    }
}

/// Which scenarios, and how often.
#[derive(Clone, Debug, Args)]
pub(crate) struct Faults {
    /// Only these scenarios; a `*` stands for any text [repeatable]
    #[arg(long = "scenario", value_name = "GLOB")]
    pub(crate) scenarios: Vec<String>,
    /// Run each scenario this often, with consecutive seeds [default: 1; full profile: 30 where the
    /// figure counts, 3 elsewhere]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) repeat: Option<u64>,
    /// Run again what this file of results has: the same scenarios, drivers, sizes and seeds
    #[arg(long, value_name = "RESULT")]
    pub(crate) replay: Option<PathBuf>,
    /// List the scenarios and run none
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
}

/// How long.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Soak {
    /// How long each scenario lasts
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    pub(crate) minutes: u64,
}

/// How many nodes.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Size {
    /// The size of the cluster, for checks that need several nodes and for latency; a driver that
    /// cannot form it is measured on the largest cluster below [default: 3]
    #[arg(long, value_name = "N", value_parser = cluster_size())]
    pub(crate) nodes: Option<usize>,
}

impl Size {
    /// The arguments that ask for it, after others; empty if none was asked for.
    pub(crate) fn argument(self) -> String {
        self.nodes
            .map_or_else(String::new, |nodes| format!(" --nodes {nodes}"))
    }
}

/// The sizes that the reports compare.
fn cluster_size() -> impl TypedValueParser<Value = usize> {
    PossibleValuesParser::new(["3", "5", "7"]).map(|text| match text.as_str() {
        "7" => 7,
        "5" => 5,
        _ => 3,
    })
}

/// What a run of checks or measurements is about.
#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    /// Only these drivers [repeatable; default: all that run in real time, but no variants in a
    /// quick comparison, and experiments in fault scenarios alone]
    #[arg(long = "driver", value_name = "NAME")]
    pub(crate) drivers: Vec<String>,
    /// Decides every random choice
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How much to do
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    pub(crate) profile: Profile,
    /// Where the drivers keep their data: on the disk that is to be tried [default: OUT]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// Where results go
    #[arg(long, value_name = "FOLDER", default_value = "reports/latest")]
    pub(crate) out: PathBuf,
    /// Go on where an earlier run into the same folder stopped
    #[arg(long)]
    pub(crate) resume: bool,
}

/// How much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// A few minutes for each driver
    Quick,
    /// For figures that are published: about an hour for each driver
    Full,
}

impl From<Profile> for tsoracle_latency::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Quick => Self::Quick,
            Profile::Full => Self::Full,
        }
    }
}

/// What goes to standard output.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// The form of what is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// For CI: a test case per check
    Junit,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
