//! Every interleaving of small clusters around the crate's own state machines, with all rules and
//! with each of them left out; and long random runs of larger clusters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod change;
#[path = "../common/mod.rs"]
mod common;
mod engine;
mod left_out;
mod model;
mod scenario;
mod simulation;
mod step;
mod whole;
mod world;
