//! Log files of full length, made in the background once a store is written to: a write that
//! changes no file's length is the cheapest to sync.

use std::time::Duration;

use rocksdb::{ErrorKind, WaitForCompactOptions};

use crate::StoreError;
use crate::keeper::Keeper;
use crate::log::Log;
use crate::shared::Shared;

/// How long a store that closes may have to wait for its flushes.
const MOMENT: Duration = Duration::from_millis(50);

/// Lays out two files: the first is ready to be written over when the second is full, and so on in
/// turn. RocksDB forgets over a restart which files it may write over. Begins after the first batch
/// beyond what was recorded when the store was `opened`,
/// and batches are written in between; a store that closes does not wait for the rest.
pub(crate) fn lay_out(shared: &Shared, keeper: &Keeper, opened: u64) -> Result<(), StoreError> {
    if !keeper.wait_for_record(opened) {
        return Ok(());
    }
    for _ in 0..2 {
        while shared.change(Log::fill)? && !keeper.is_stopped() {}
        if keeper.is_stopped() {
            return Ok(());
        }
        // Whoever wrote meanwhile may have turned already.
        shared.change(Log::turn_if_full)?;
        // Only a file whose changes have all gone to tables may be written over.
        while !is_settled(shared)? && !keeper.is_stopped() {}
    }
    Ok(())
}

/// Waits for a moment until RocksDB rests. A store that closes waits no longer than that for it.
fn is_settled(shared: &Shared) -> Result<bool, StoreError> {
    let mut options = WaitForCompactOptions::default();
    options.set_timeout(MOMENT.as_micros().try_into().unwrap_or(u64::MAX));
    shared
        .engine
        .with("flush", |db| match db.wait_for_compact(&options) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
            rested => rested.map(|()| true),
        })
}
