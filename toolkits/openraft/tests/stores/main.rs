//! The stores on RocksDB: what they keep through restarts, crashes and damage, and what it costs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]
#![cfg(feature = "rocksdb-log-store")]

#[path = "../common/mod.rs"]
mod common;
mod costs;
mod damage;
mod engine;
mod groups;
mod kills;
mod machine;
mod node;
mod points;
mod reading;
mod snapshots;
