//! What nodes tell each other.
//!
//! The proof needs no order among these messages and stands duplicates and any delay; it needs the
//! sender of a [`Grant`] to be who it says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A leader asks: promise me to delay every higher ballot for this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Round<B> {
    /// The ballot that the sender leads under.
    pub ballot: B,
    /// Counts the rounds of this ballot, from 1.
    pub round: u64,
    /// How long the grant binds, on the granter's clock.
    pub lasts: Duration,
}

/// A node has granted a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grant<B> {
    /// The ballot of the round.
    pub ballot: B,
    /// Its number.
    pub round: u64,
}

/// A leader has ended its lease: grants of its rounds no longer bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Release<B> {
    /// The ballot that the sender led under.
    pub ballot: B,
    /// The last round that is released.
    pub round: u64,
}

/// Any of the three, as one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LeaseMessage<B> {
    /// From a leader.
    Round(Round<B>),
    /// To a leader.
    Grant(Grant<B>),
    /// From a leader.
    Release(Release<B>),
}
