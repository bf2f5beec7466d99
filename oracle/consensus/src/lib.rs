#![doc = include_str!("../README.md")]

pub mod contract;
#[allow(clippy::doc_markdown, reason = "a generated table stands in it")]
pub mod docs;
mod driver;
mod error;
mod handoff;
mod high_water;
mod leadership;
mod lease;
mod membership;
pub mod replicated;
mod state;

pub use contract::CONTRACT_VERSION;
pub use driver::ConsensusDriver;
pub use error::{AdvanceOutOfRange, ConsensusError, Failure, reject_out_of_range_advance};
pub use handoff::{Handoff, HandoffError};
pub use high_water::{AdvancePayload, HighWaterState, Superseded};
pub use leadership::{LeadershipPublisher, LeadershipStream};
pub use lease::{BootInstant, Lease, LeaseHolder};
pub use membership::{Member, Membership, MembershipError, NodeId};
pub use state::{LeaderHint, LeaderState};
pub use tsoracle_core::{Epoch, PHYSICAL_MS_MAX};
