//! Snapshots that have come in part, kept until the rest comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep};
use tsoracle_peer_transport::{GroupId, PeerId};

use super::PartialLimits;
use super::wire::{SnapshotAnswer, SnapshotId};

/// Who sends, and for which group: one snapshot at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sender {
    pub(super) group: GroupId,
    pub(super) from: PeerId,
}

/// The unfinished snapshots of a node.
#[derive(Debug)]
pub(super) struct Partials {
    limits: PartialLimits,
    held: Mutex<HashMap<Sender, Partial>>,
}

#[derive(Debug)]
struct Partial {
    id: SnapshotId,
    data: BytesMut,
    touched: Instant,
}

impl Partials {
    pub(super) fn new(limits: PartialLimits) -> Self {
        Self {
            limits,
            held: Mutex::default(),
        }
    }

    /// How much of a snapshot is there; makes room for a new one. Another snapshot of the same
    /// sender is dropped for it.
    pub(super) fn open(self: &Arc<Self>, sender: Sender, id: SnapshotId) -> SnapshotAnswer {
        if id.bytes > self.limits.bytes {
            return SnapshotAnswer::NoRoom;
        }
        let mut held = self.lock();
        if let Some(partial) = held.get_mut(&sender).filter(|partial| partial.id == id) {
            partial.touched = Instant::now();
            return SnapshotAnswer::Have(partial.data.len() as u64);
        }
        held.remove(&sender);
        if held.len() >= self.limits.count {
            let oldest = held.iter().min_by_key(|(_, partial)| partial.touched);
            let oldest = oldest.map(|(sender, _)| *sender);
            oldest.and_then(|oldest| held.remove(&oldest));
        }
        let partial = Partial {
            id,
            data: BytesMut::new(),
            touched: Instant::now(),
        };
        held.insert(sender, partial);
        drop(held);
        tokio::spawn(Arc::clone(self).forget(sender, id));
        SnapshotAnswer::Have(0)
    }

    /// Adds a chunk, if it is the next one.
    pub(super) fn extend(
        &self,
        sender: Sender,
        id: SnapshotId,
        at: u64,
        chunk: &[u8],
    ) -> SnapshotAnswer {
        let mut held = self.lock();
        let all: u64 = held.values().map(|partial| partial.data.len() as u64).sum();
        let Some(partial) = held.get_mut(&sender).filter(|partial| partial.id == id) else {
            return SnapshotAnswer::Missing;
        };
        let have = partial.data.len() as u64;
        partial.touched = Instant::now();
        if at != have {
            return SnapshotAnswer::Have(have);
        }
        if have + chunk.len() as u64 > id.bytes {
            held.remove(&sender);
            return SnapshotAnswer::Damaged;
        }
        if all + chunk.len() as u64 > self.limits.bytes {
            return SnapshotAnswer::NoRoom;
        }
        partial.data.extend_from_slice(chunk);
        SnapshotAnswer::Have(partial.data.len() as u64)
    }

    /// Takes a snapshot out, if it is whole.
    pub(super) fn take(&self, sender: Sender, id: SnapshotId) -> Option<Bytes> {
        let mut held = self.lock();
        let whole = |partial: &Partial| partial.id == id && partial.data.len() as u64 == id.bytes;
        if !held.get(&sender).is_some_and(whole) {
            return None;
        }
        held.remove(&sender).map(|partial| partial.data.freeze())
    }

    pub(super) fn bytes(&self) -> u64 {
        let held = self.lock();
        held.values().map(|partial| partial.data.len() as u64).sum()
    }

    /// Drops a snapshot once nothing has come of it for a while.
    async fn forget(self: Arc<Self>, sender: Sender, id: SnapshotId) {
        let this = Arc::downgrade(&self);
        let keep = self.limits.keep;
        drop(self);
        let mut wait = keep;
        loop {
            sleep(wait).await;
            let Some(this) = this.upgrade() else { return };
            let mut held = this.lock();
            let Some(partial) = held.get(&sender).filter(|partial| partial.id == id) else {
                return;
            };
            let alone = partial.touched.elapsed();
            if alone >= keep {
                held.remove(&sender);
                tracing::info!(group = %sender.group, "dropped an unfinished snapshot");
                return;
            }
            wait = keep.saturating_sub(alone);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sender, Partial>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
