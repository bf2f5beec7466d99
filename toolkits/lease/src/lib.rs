#![doc = include_str!("../README.md")]

mod ballot;
mod error;
mod granter;
mod leadership;
mod node;
mod reading;
mod timing;
mod voters;
mod wire;

pub use ballot::{Ballot, NodeId};
pub use error::{ChangeRefused, LeadError, Refusal, StartError};
pub use granter::Gate;
pub use node::{LeaseNode, Stored};
pub use reading::Reading;
pub use timing::{Drift, Timing, TimingError};
pub use voters::{Quorum, QuorumError, Voters};
pub use wire::{Grant, LeaseMessage, Release, Round};
