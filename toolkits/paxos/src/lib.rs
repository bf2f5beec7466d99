#![doc = include_str!("../README.md")]

mod ballot;
mod entry;
pub mod storage;

#[cfg(feature = "test-fakes")]
pub mod fakes;

pub use ballot::PaxosBallot;
pub use entry::{GroupEntry, RequestId};
