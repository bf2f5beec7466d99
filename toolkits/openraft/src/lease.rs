//! The leader lease of one group: the gate that votes pass, the rounds of a leader, and who is told.
//!
//! [`Keeper`] drives a [`tsoracle_lease::LeaseNode`]. It stands between openraft and the network, so
//! it exists before the engine does; [`Keeper::follow`] then ties it to the engine. Why this
//! boundary suffices stands in `docs/proofs/raft-gate.md` of the repository.

mod ballot;
mod change;
#[cfg(feature = "test-fakes")]
mod clock;
mod error;
mod follow;
mod gate;
mod keeper;
mod prove;
mod rounds;
mod silence;
mod state;

pub use ballot::RaftBallot;
pub(crate) use change::Uncovered;
#[cfg(feature = "test-fakes")]
pub use clock::TokioClock;
pub use error::{KeeperError, ProveError};
pub use follow::Following;
pub use keeper::{Keeper, KeeperSettings};
pub use prove::Proof;
