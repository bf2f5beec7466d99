//! The memory of who is who (S4).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::{PeerId, StoreId};

/// Remembers the store of each peer. No engine protects itself against a voter that forgot its
/// votes, so a node that comes back with another store stays out until an operator replaces it.
///
/// A node that must know its peers again after a restart keeps this in its own store.
pub trait Identities: fmt::Debug + Send + Sync + 'static {
    /// Whether `peer` may come with `store`. A peer that was not known is remembered, durably if
    /// the memory is durable, before this returns.
    ///
    /// Called on a thread that may block, once for each opening of a link, and only for members of
    /// the cluster that passed every other check. Calls for one peer may overlap.
    fn check(&self, peer: PeerId, store: StoreId) -> Verdict;
}

/// What a memory says of a peer's store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one that is remembered, or nothing was and it is now.
    Known,
    /// Another one is remembered.
    Changed {
        /// That one.
        remembered: StoreId,
    },
    /// The memory failed; the peer is refused for now.
    Failed {
        /// What went wrong.
        why: String,
    },
}

/// Remembers for as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryIdentities {
    stores: Mutex<BTreeMap<PeerId, StoreId>>,
}

impl MemoryIdentities {
    /// Forgets a peer, for an operator who replaces the member.
    pub fn forget(&self, peer: PeerId) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.remove(&peer);
    }
}

impl Identities for MemoryIdentities {
    fn check(&self, peer: PeerId, store: StoreId) -> Verdict {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = *stores.entry(peer).or_insert(store);
        if remembered == store {
            Verdict::Known
        } else {
            Verdict::Changed { remembered }
        }
    }
}
