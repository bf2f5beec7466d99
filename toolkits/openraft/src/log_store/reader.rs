//! Reading a log: from memory what is new, from the store what is old.

use std::fmt::{self, Debug};
use std::io;
use std::ops::{Bound, ControlFlow, Range, RangeBounds};
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt, stream};
use openraft::{OptionalSend, RaftLogReader};

use super::{LOG_FAMILY, Shared, failed};
use crate::record::{self, RecordError};
use crate::{Entry, KeySpace, RaftTypes, Vote};

/// Bytes of records after which a read that may be short ends.
const READ_BYTES: usize = 1 << 20;

/// Reads the log of a group; see [`RocksdbLogStore`](crate::RocksdbLogStore). Clones are cheap.
///
/// Recent entries come from memory, without a look at the store. Older ones are read on a thread
/// that may block.
pub struct RocksdbLogReader<C: RaftTypes, K> {
    shared: Arc<Shared<C, K>>,
}

impl<C: RaftTypes, K: KeySpace> RocksdbLogReader<C, K> {
    pub(super) fn new(shared: Arc<Shared<C, K>>) -> Self {
        Self { shared }
    }

    /// The entries of a range that the log contains; the first of them, if they take more than
    /// `budget` bytes.
    async fn read(&self, range: Range<u64>, budget: usize) -> io::Result<Vec<Entry<C>>> {
        self.shared.alive()?;
        loop {
            let found = self.shared.tail().find(range.clone(), budget);
            if found.stored.is_empty() {
                return Ok(found.recent);
            }
            let (shared, wanted) = (Arc::clone(&self.shared), found.stored.clone());
            let fetch = tokio::task::spawn_blocking(move || fetch(&shared, wanted, budget));
            let fetched = fetch.await.map_err(io::Error::other)?;
            // What was taken away meanwhile makes the fetched entries a mixture of two states.
            if self.shared.tail().removals() != found.removals {
                continue;
            }
            let mut entries = fetched?;
            entries.extend(found.recent);
            return Ok(entries);
        }
    }
}

/// Reads entries that the store must have, until they take more than `budget` bytes.
fn fetch<C: RaftTypes, K: KeySpace>(
    shared: &Shared<C, K>,
    wanted: Range<u64>,
    budget: usize,
) -> io::Result<Vec<Entry<C>>> {
    let keys = &shared.keys;
    let mut entries = Vec::new();
    let mut next = wanted.start;
    let mut left = budget;
    let mut full = false;
    let mut outcome = Ok(());
    let (from, to) = (keys.numbered(wanted.start), keys.numbered(wanted.end));
    let visit = |key: &[u8], value: &[u8]| {
        full = value.len() > left && !entries.is_empty();
        if full || keys.number_of(key) != Some(next) {
            return ControlFlow::Break(());
        }
        left = left.saturating_sub(value.len());
        next += 1;
        match record::decode(LOG_FAMILY, key, value) {
            Ok(entry) => {
                entries.push(entry);
                ControlFlow::Continue(())
            }
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        }
    };
    let store = &shared.store;
    let visited = store.visit(shared.log, from.as_slice()..to.as_slice(), visit);
    visited.map_err(failed)?;
    outcome?;
    if next < wanted.end && !full {
        return Err(record::damaged(RecordError::Missing {
            family: LOG_FAMILY,
            key: keys.numbered(next),
        }));
    }
    Ok(entries)
}

/// A range of indices with its ends made plain.
fn plain(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl<C: RaftTypes, K: KeySpace> RaftLogReader<C> for RocksdbLogReader<C, K> {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<C::Entry>, io::Error>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(plain(&range), usize::MAX).await
    }

    /// The vote that is durable.
    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.shared.alive()?;
        Ok(*self.shared.vote())
    }

    /// About one MiB of records, and at least one entry.
    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<C::Entry>, io::Error> {
        self.read(start..end, READ_BYTES).await
    }

    /// Reads about one MiB of records at a time.
    async fn entries_stream<R>(
        &mut self,
        range: R,
    ) -> impl Stream<Item = Result<C::Entry, io::Error>> + OptionalSend
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let from = (self.clone(), plain(&range));
        let pieces = stream::try_unfold(from, async |(reader, range)| {
            let piece = reader.read(range.clone(), READ_BYTES).await?;
            let Some(last) = piece.last() else {
                return Ok(None);
            };
            let rest = last.log_id.index + 1..range.end;
            Ok::<_, io::Error>(Some((piece, (reader, rest))))
        });
        let entries = pieces.map_ok(|piece| stream::iter(piece.into_iter().map(Ok)));
        Box::pin(entries.try_flatten())
    }
}

impl<C: RaftTypes, K> Clone for RocksdbLogReader<C, K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<C: RaftTypes, K: Debug> Debug for RocksdbLogReader<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksdbLogReader")
            .field("keyspace", &self.shared.keys.0)
            .field("tail", &*self.shared.tail())
            .finish_non_exhaustive()
    }
}
