#![doc = include_str!("../README.md")]

mod case;
mod check;
mod checks;
mod crash;
mod crowd;
mod damage;
mod elections;
mod explain;
mod failover;
mod failovers;
mod grants;
mod held;
mod kept;
mod late;
mod leases;
mod ledger;
mod members;
mod oracle;
mod overlap;
mod points;
mod poll;
pub mod reference;
mod roaming;
mod runner;
mod sequence;
mod service;
mod stall;
mod subject;
mod suite;
mod traffic;
mod verdict;
mod views;
mod weather;

pub use check::{Check, Level, Need};
pub use checks::ALL;
pub use oracle::{Oracle, OracleError};
pub use runner::{RunOptions, run_check};
pub use suite::main;
pub use tsoracle_testbed::{
    Call, HistoryError, Operation, Outcome, Recorder, Recording, check_history,
};
pub use verdict::{CheckResult, Stop, Verdict};
