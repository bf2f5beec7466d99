//! Links between nodes in memory, under a paused clock.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod faults;
mod hostile;
mod life;
mod messages;
mod queues;
mod refusals;
mod schedules;
