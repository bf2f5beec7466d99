//! A storage in memory whose syncs a test controls.
//!
//! The network in memory is the transport's own:
//! [`MemoryNetwork`](tsoracle_peer_transport::MemoryNetwork), with
//! [`Faults`](tsoracle_peer_transport::Faults) on each directed link.

mod disk;

pub use disk::{MemoryDisk, MemoryMedium, MemoryStorage};
