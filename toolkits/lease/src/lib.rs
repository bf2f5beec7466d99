#![doc = include_str!("../README.md")]

mod ballot;
mod clock;
mod error;
mod granter;
mod leadership;
mod node;
mod observer;
mod reading;
mod timing;
mod voters;
mod wire;

pub use ballot::{Ballot, NodeId};
#[cfg(feature = "boot-clock")]
pub use clock::BootClock;
pub use clock::Clock;
pub use error::{ChangeRefused, LeadError, Refusal, StartError};
pub use granter::Gate;
pub use node::{LeaseNode, Stored};
pub use observer::LeaseObserver;
pub use reading::Reading;
pub use timing::{Drift, Timing, TimingError};
pub use voters::{Quorum, QuorumError, Voters};
pub use wire::{Grant, LeaseMessage, Release, Round};
