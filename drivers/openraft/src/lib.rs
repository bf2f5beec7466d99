#![doc = include_str!("../README.md")]

mod driver;
mod epoch;
mod handoff;
mod host;
mod leadership;
mod leases;
mod membership;
mod settings;
mod standalone;

pub use driver::OpenraftDriver;
pub use epoch::{decode_epoch, encode_epoch};
pub use host::OpenraftHighWaterHost;
pub use leases::EpochLeases;
pub use settings::{DriverSettings, Reads};
pub use standalone::{
    Endpoints, StandaloneAnswer, StandaloneBuilder, StandaloneHost, StandaloneMachine,
    StandaloneTypes,
};
pub use tsoracle_consensus::replicated::{
    AppliedHighWater, HighWaterCommand, HighWaterOutcome, HighWaterSnapshot, HighWaterStateMachine,
    NotASnapshot,
};
