//! Writing and syncing from a thread that an engine has for itself.

use crate::{Batch, Store, StoreError};

/// The log, for an engine that writes a batch, sends what may leave before it is durable, and then
/// syncs. There is one at a time.
///
/// Its calls block, and belong on a thread of the engine's own. Batches that others queue (notes,
/// say) are still written by the store's thread between these calls, whole and in an order of
/// their own; their syncs make earlier writes of this handle durable as well, never the other way
/// round: what this handle writes is promised only once [`sync`](Self::sync) returned.
#[derive(Debug)]
pub struct Direct {
    pub(crate) store: Store,
}

impl Direct {
    /// Writes a batch after all earlier ones, whole or not at all. Reads see it when this returns;
    /// it is durable after the next [`sync`](Self::sync).
    ///
    /// # Errors
    /// The store's first failure; whether the batch was written is then unknown.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.store.shared.turn_if_due()?;
        self.store.shared.change(|log| log.write(batch))
    }

    /// Makes everything that was written durable, with one sync, or none if nothing was written
    /// since the last one. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// The store's first failure; what was written since the last sync is then unknown, for good.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.store.shared.change(crate::log::Log::sync)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        self.store.shared.release_direct();
    }
}
