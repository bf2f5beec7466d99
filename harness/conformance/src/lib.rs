#![doc = include_str!("../README.md")]

mod case;
mod check;
mod checks;
mod crash;
mod crowd;
mod damage;
mod explain;
mod failovers;
mod grants;
mod held;
mod history;
mod kept;
mod ledger;
mod members;
mod oracle;
mod points;
mod poll;
mod recorder;
pub mod reference;
mod runner;
mod sequence;
mod service;
mod stall;
mod subject;
mod suite;
mod traffic;
mod verdict;
mod weather;

pub use check::{Check, Level, Need};
pub use checks::ALL;
pub use history::{Call, HistoryError, Operation, Outcome, check_history};
pub use oracle::{Oracle, OracleError};
pub use recorder::{Recorder, Recording};
pub use runner::{RunOptions, run_check};
pub use suite::main;
pub use verdict::{CheckResult, Stop, Verdict};
