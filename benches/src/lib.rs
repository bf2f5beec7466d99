#![doc = include_str!("../README.md")]

mod driver;
mod error;
mod failover;
mod processes;
mod run;
mod serving;

pub use error::BenchError;
pub use run::{bench_driver, run};
