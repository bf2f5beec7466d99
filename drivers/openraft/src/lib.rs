#![doc = include_str!("../README.md")]

mod driver;
mod endpoints;
mod epoch;
mod handoff;
mod host;
mod leadership;
mod leases;
mod membership;
mod node_host;
mod settings;
mod standalone;

pub use driver::OpenraftDriver;
pub use endpoints::Endpoints;
pub use epoch::{decode_epoch, encode_epoch};
pub use host::OpenraftHighWaterHost;
pub use leases::EpochLeases;
pub use node_host::{CarriesHighWater, NodeBuilder, NodeHost};
pub use settings::{DriverSettings, Reads};
pub use standalone::{StandaloneAnswer, StandaloneHost, StandaloneMachine, StandaloneTypes};
pub use tsoracle_consensus::replicated::{
    AppliedHighWater, HighWaterCommand, HighWaterOutcome, HighWaterSnapshot, HighWaterStateMachine,
    NotASnapshot,
};
