//! A snapshot in memory: for tests.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::{SnapshotKeeper, covers_more};
use crate::{RaftTypes, Snapshot};

/// Keeps the newest snapshot in memory. What it keeps is gone with its last clone: a test that
/// restarts a node hands a clone to the next life.
#[derive(Clone, Debug)]
pub struct MemorySnapshots<C: RaftTypes>(Arc<Mutex<Option<Snapshot<C>>>>);

impl<C: RaftTypes> Default for MemorySnapshots<C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<C: RaftTypes> SnapshotKeeper<C> for MemorySnapshots<C> {
    async fn save(&self, snapshot: Snapshot<C>) -> Result<(), io::Error> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = |old: &Snapshot<C>| covers_more::<C>(&snapshot.meta, &old.meta);
        if kept.as_ref().is_none_or(newer) {
            *kept = Some(snapshot);
        }
        Ok(())
    }

    async fn current(&self) -> Result<Option<Snapshot<C>>, io::Error> {
        Ok(self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }
}
