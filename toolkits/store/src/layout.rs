//! Log files of full length, made in the background once a store is written to: a write that
//! changes no file's length is the cheapest to sync.

use rocksdb::WaitForCompactOptions;

use crate::StoreError;
use crate::keeper::Keeper;
use crate::log::Log;
use crate::shared::Shared;

/// Lays out two files: the first is ready to be written over when the second is full, and so on in
/// turn. RocksDB forgets over a restart which files it may write over. Begins after the first batch,
/// and batches are written in between; a store that closes does not wait for the rest.
pub(crate) fn lay_out(shared: &Shared, keeper: &Keeper) -> Result<(), StoreError> {
    if !keeper.wait_for_record() {
        return Ok(());
    }
    for _ in 0..2 {
        while shared.change(Log::fill)? && !keeper.is_stopped() {}
        if keeper.is_stopped() {
            return Ok(());
        }
        shared.change(Log::turn)?;
        // Only a file whose changes have all gone to tables may be written over.
        shared.engine.with("flush", |db| {
            db.wait_for_compact(&WaitForCompactOptions::default())
        })?;
    }
    Ok(())
}
