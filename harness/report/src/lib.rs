#![doc = include_str!("../README.md")]

mod bars;
mod benches;
mod capabilities;
mod conformance;
mod costs;
mod delayed;
mod downtime;
mod environment;
mod failures;
mod faults;
mod json;
mod junit;
mod markdown;
mod percentiles;
mod plot;
mod plots;
mod rates;
mod render;
mod results;
mod settings;
mod splice;
mod summary;
mod targets;
mod terminal;
mod units;

pub use benches::{Benches, Benchmark, BenchmarkError, TimeEstimate, benches_table};
pub use capabilities::{Unproved, prove};
pub use json::ResultsError;
pub use junit::junit;
pub use render::{RenderError, Report, render};
pub use results::{
    Commit, DriverResults, Environment, OLDEST_SCHEMA_VERSION, Results, SCHEMA_VERSION,
};
pub use splice::{BEGIN, END, SpliceError, splice};
pub use summary::summary_table;
pub use targets::{Outcome, Quantity, Target, targets};
pub use terminal::terminal_table;
