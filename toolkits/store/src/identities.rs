//! The peers' identities, kept in the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tsoracle_peer_transport::{Identities, PeerId, StoreId, Verdict};

use crate::{Store, StoreError};

/// Remembers the store of each peer over restarts (S4): a note per peer, durable before a peer is
/// let in.
#[derive(Debug)]
pub struct StoredIdentities {
    store: Store,
    /// What is durable; held while a note is written, so that checks of one peer take turns.
    known: Mutex<BTreeMap<PeerId, StoreId>>,
}

impl StoredIdentities {
    /// The memory in this store. Reads what it knows; blocks.
    ///
    /// # Errors
    /// The store's first failure, and [`StoreError::Damaged`] on a note that is not an identity.
    pub fn open(store: Store) -> Result<Self, StoreError> {
        let mut known = BTreeMap::new();
        for (key, value) in store.notes(PREFIX)? {
            let peer = key.get(PREFIX.len()..).and_then(|peer| peer.parse().ok());
            let id = <[u8; 16]>::try_from(value.as_slice()).ok();
            let (Some(peer), Some(id)) = (peer, id) else {
                let why = format!("its note {key:?} is not the identity of a peer");
                return Err(StoreError::damaged(&store.shared.folder.rocksdb, why));
            };
            known.insert(PeerId(peer), StoreId(u128::from_le_bytes(id)));
        }
        Ok(Self {
            store,
            known: Mutex::new(known),
        })
    }

    /// What is remembered.
    #[must_use]
    pub fn known(&self) -> BTreeMap<PeerId, StoreId> {
        self.lock().clone()
    }

    /// Remembers peers that an operator names, whatever was known of them. Durable before this
    /// returns; blocks.
    ///
    /// # Errors
    /// The store's first failure; some of the peers may then be remembered.
    pub fn remember(
        &self,
        peers: impl IntoIterator<Item = (PeerId, StoreId)>,
    ) -> Result<(), StoreError> {
        let mut known = self.lock();
        for (peer, id) in peers {
            self.store
                .set_note(&note(peer), Some(&id.0.to_le_bytes()))?;
            known.insert(peer, id);
        }
        Ok(())
    }

    /// Forgets a peer, for an operator who replaces the member. Durable before this returns;
    /// blocks.
    ///
    /// # Errors
    /// The store's first failure; the peer may then be forgotten or not.
    pub fn forget(&self, peer: PeerId) -> Result<(), StoreError> {
        let mut known = self.lock();
        self.store.set_note(&note(peer), None)?;
        known.remove(&peer);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerId, StoreId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identities for StoredIdentities {
    fn check(&self, peer: PeerId, store: StoreId) -> Verdict {
        let mut known = self.lock();
        match known.get(&peer) {
            Some(remembered) if *remembered == store => Verdict::Known,
            Some(&remembered) => Verdict::Changed { remembered },
            None => match self
                .store
                .set_note(&note(peer), Some(&store.0.to_le_bytes()))
            {
                Ok(()) => {
                    known.insert(peer, store);
                    Verdict::Known
                }
                Err(error) => Verdict::Failed {
                    why: error.to_string(),
                },
            },
        }
    }
}

const PREFIX: &str = "peer/";

fn note(peer: PeerId) -> String {
    format!("{PREFIX}{peer}")
}
