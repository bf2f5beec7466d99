//! Drivers that keep every clause and have nothing else to recommend them: one node in memory, and
//! a replicated cluster in virtual time.
//!
//! They show a driver's author what the contract asks for without an engine in the way, and they
//! are what the zoo breaks, one clause at a time.

mod cluster;
mod single;

pub use cluster::{Rules, SimulatedCluster};
pub use single::{InMemory, InMemoryNode};
