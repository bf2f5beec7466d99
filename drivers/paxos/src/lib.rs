#![doc = include_str!("../README.md")]

mod carried;
mod driver;
mod epoch;
mod handoff;
mod host;
mod leadership;
mod leases;
mod node_host;
mod replica;
mod settings;
mod snapshot;
mod snapshot_policy;
mod standalone;

pub use carried::CarriesHighWater;
pub use driver::PaxosDriver;
pub use epoch::{EpochParts, decode_epoch, encode_epoch};
pub use host::PaxosHighWaterHost;
pub use leases::EpochLeases;
pub use node_host::{NodeBuilder, NodeHost};
pub use replica::{HighWaterReplica, HighWaterView};
pub use settings::{DriverSettings, Reads};
pub use snapshot::HighWaterSnapshot;
pub use snapshot_policy::{LogSize, SnapshotPolicy};
pub use standalone::{StandaloneEntry, StandaloneHost, StandaloneMachine};
pub use tsoracle_consensus::replicated::{AppliedHighWater, HighWaterCommand, HighWaterOutcome};
