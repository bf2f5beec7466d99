//! What drivers on a replicated log have in common, whatever the engine: the oracle's command and
//! its state machine, the opening of an epoch, the lease of each ballot, and one answer to all calls
//! once the node has stopped.
//!
//! `B` stands for what an engine elects leaders by: a vote, a ballot.

mod command;
mod leases;
mod opening;
mod status;

pub use command::{
    AppliedHighWater, HighWaterCommand, HighWaterOutcome, HighWaterSnapshot, HighWaterStateMachine,
    NotASnapshot,
};
pub use leases::BallotLeases;
pub use opening::Opening;
pub use status::DriverStatus;
