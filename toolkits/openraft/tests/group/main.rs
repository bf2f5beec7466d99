//! Groups of nodes: elections, replication, snapshots, the lease through faults, members, handoffs.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

#[path = "../cluster/mod.rs"]
mod common;
mod elections;
mod events;
mod gate;
mod groups;
mod handoff;
mod latency;
mod lease;
mod members;
mod partial;
mod schedules;
mod snapshots;
