//! Names of nodes, groups and sessions.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($of:ty), $format:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $of);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }
    };
}

number! {
    /// A node of the cluster.
    PeerId(u64), "{}"
}
number! {
    /// One engine of several that share the links: a raft group, say.
    GroupId(u64), "{}"
}
number! {
    /// The cluster that a node belongs to.
    ClusterId(u128), "{:032x}"
}
number! {
    /// The random identity of a node's store (S4).
    StoreId(u128), "{:032x}"
}
number! {
    /// One life of a node, from start to end. It must grow with every start of the node: a peer
    /// that has talked to one life refuses every earlier one for good.
    ///
    /// Let the store count the starts ([`counted`](Self::counted)): that holds whatever the clock
    /// does, and S1 keeps two lives from sharing a count. The clock
    /// ([`from_clock`](Self::from_clock)) serves nodes without a store; whoever uses it guarantees
    /// that the clock is not set back between two starts. If it was, peers refuse the node with
    /// [`Refusal::StaleIncarnation`](crate::Refusal) until the clock has caught up, or until they
    /// are restarted: nothing breaks, the node is merely kept out.
    Incarnation(u128), "{:x}"
}

impl Incarnation {
    /// The life with this number, counted by the node's store.
    #[must_use]
    pub const fn counted(starts: u64) -> Self {
        Self((starts as u128) << 64)
    }

    /// A life named by the wall clock, in milliseconds, and 64 random bits.
    #[must_use]
    pub fn from_clock() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let ms = since.map_or(0, |since| since.as_millis()) & u128::from(u64::MAX);
        Self(ms << 64 | u128::from(rand::random::<u64>()))
    }
}

/// One session of a directed link: an unbroken run of frames. Ordered by time, for one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The sender's life.
    pub incarnation: Incarnation,
    /// Counts the sender's attempts to open the link, from 1.
    pub number: u64,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.incarnation, self.number)
    }
}
