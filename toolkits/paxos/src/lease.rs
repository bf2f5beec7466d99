//! The leader lease of a group: the gate that Prepare passes, the rounds of a leader, and who is
//! told.
//!
//! It lives on the engine's thread, so that what it grants and what the engine promises are one
//! state. Why a gate on Prepare suffices stands in `docs/proofs/paxos-gate.md` of the repository.

mod keeper;

pub(crate) use keeper::{Keeper, Proving};
