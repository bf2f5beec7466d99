//! The newest entries of a log, in memory, and where the log begins and ends.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::io;
use std::ops::Range;

use openraft::LogIdOptionExt;

use crate::{Entry, LogId, RaftTypes};

/// How much of the log's end stays in memory once it is durable. What is not durable yet always
/// does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailLimits {
    /// Entries, at most.
    pub entries: usize,
    /// Bytes of their records, at most: about what the entries take in memory.
    pub bytes: usize,
}

impl Default for TailLimits {
    /// 4096 entries and 8 MiB.
    fn default() -> Self {
        Self {
            entries: 4096,
            bytes: 8 << 20,
        }
    }
}

/// The end of a log.
pub(super) struct Tail<C: RaftTypes> {
    limits: TailLimits,
    /// The last entry that was purged.
    purged: Option<LogId>,
    /// The index of the first entry that is left, if any is.
    first: u64,
    /// The last entry of the log, or the last that was purged if there is none behind it.
    last: Option<LogId>,
    /// The newest entries, without a gap, up to `last`.
    entries: VecDeque<Kept<C>>,
    /// The sum of their records.
    bytes: usize,
    /// The newest write that is known to be durable.
    durable: u64,
    /// How often entries were taken away, at either end.
    removals: u64,
}

/// An entry in memory.
struct Kept<C: RaftTypes> {
    entry: Entry<C>,
    /// The length of its record.
    bytes: usize,
    /// The write that carries it.
    write: u64,
}

/// What a read finds in memory, and what it has to fetch.
pub(super) struct Found<C: RaftTypes> {
    /// Indices that only the store has; they come before `recent`.
    pub(super) stored: Range<u64>,
    /// Entries that were in memory.
    pub(super) recent: Vec<Entry<C>>,
    /// What [`Tail::removals`] said.
    pub(super) removals: u64,
}

impl<C: RaftTypes> Tail<C> {
    /// The end of a log whose entries, from the index `first` on, are all in the store.
    pub(super) fn new(
        limits: TailLimits,
        purged: Option<LogId>,
        first: u64,
        last: Option<LogId>,
    ) -> Self {
        Self {
            limits,
            purged,
            first,
            last,
            entries: VecDeque::new(),
            bytes: 0,
            durable: 0,
            removals: 0,
        }
    }

    /// The last entry that was purged.
    pub(super) fn purged(&self) -> Option<LogId> {
        self.purged
    }

    /// The last entry, or the last purged one.
    pub(super) fn last(&self) -> Option<LogId> {
        self.last
    }

    /// Changes whenever entries are taken away: what was read from the store since an earlier look
    /// is then not to be relied on.
    pub(super) fn removals(&self) -> u64 {
        self.removals
    }

    /// Adds entries, each with the length of its record, that the `write`-th write carries.
    ///
    /// # Errors
    /// They would leave a hole; nothing is added.
    pub(super) fn extend(&mut self, entries: Vec<(Entry<C>, usize)>, write: u64) -> io::Result<()> {
        let mut next = self.last.map(|last| last.index);
        for (entry, _) in &entries {
            let index = entry.log_id.index;
            match next.replace(index) {
                Some(last) if last.checked_add(1) != Some(index) => {
                    let why = format!("entry {index} would leave a hole: the log ends at {last}");
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
                }
                _ => {}
            }
        }
        for (entry, bytes) in entries {
            if self.last.is_none() {
                self.first = entry.log_id.index;
            }
            self.last = Some(entry.log_id);
            self.bytes += bytes;
            self.entries.push_back(Kept {
                entry,
                bytes,
                write,
            });
        }
        Ok(())
    }

    /// Learns that a write and all before it are durable, and forgets the oldest of the durable
    /// entries above the limits.
    pub(super) fn flushed(&mut self, write: u64) {
        self.durable = self.durable.max(write);
        while let Some(oldest) = self.entries.front() {
            let over = self.entries.len() > self.limits.entries || self.bytes > self.limits.bytes;
            if !over || oldest.write > self.durable {
                return;
            }
            self.bytes -= oldest.bytes;
            self.entries.pop_front();
        }
    }

    /// Takes away all entries behind `keep`, or all of them. The indices that go.
    pub(super) fn truncate(&mut self, keep: Option<LogId>) -> Range<u64> {
        let from = keep.next_index().max(self.first);
        let to = self.last.next_index();
        if from >= to {
            return from..from;
        }
        while let Some(newest) = self.entries.back()
            && newest.entry.log_id.index >= from
        {
            self.bytes -= newest.bytes;
            self.entries.pop_back();
        }
        self.last = if from > self.first { keep } else { self.purged };
        self.removals += 1;
        from..to
    }

    /// Takes away all entries up to `upto`, which need not exist. The index of the first that
    /// goes, unless there is nothing to do.
    pub(super) fn purge(&mut self, upto: LogId) -> Option<u64> {
        if self.purged.next_index() > upto.index {
            return None;
        }
        let first = self.first;
        while let Some(oldest) = self.entries.front()
            && oldest.entry.log_id.index <= upto.index
        {
            self.bytes -= oldest.bytes;
            self.entries.pop_front();
        }
        self.purged = Some(upto);
        self.first = self.purged.next_index();
        if self.last.next_index() <= self.first {
            self.last = Some(upto);
        }
        self.removals += 1;
        Some(first)
    }

    /// The entries of a range that the log contains. Of those in memory, no more than `budget`
    /// bytes, but at least one; none at all if others come before them and the budget is limited.
    pub(super) fn find(&self, range: Range<u64>, budget: usize) -> Found<C> {
        let start = range.start.max(self.first);
        let end = range.end.min(self.last.next_index()).max(start);
        let first = self.entries.front().map(|kept| kept.entry.log_id.index);
        let stored = start..first.unwrap_or(end).clamp(start, end);
        let mut recent = Vec::new();
        if stored.is_empty() || budget == usize::MAX {
            let skip = stored.end.saturating_sub(first.unwrap_or(end));
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let wanted = usize::try_from(end - stored.end).unwrap_or(usize::MAX);
            let mut left = budget;
            for kept in self.entries.iter().skip(skip).take(wanted) {
                if kept.bytes > left && !recent.is_empty() {
                    break;
                }
                left = left.saturating_sub(kept.bytes);
                recent.push(kept.entry.clone());
            }
        }
        Found {
            stored,
            recent,
            removals: self.removals,
        }
    }
}

impl<C: RaftTypes> Debug for Tail<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail")
            .field("purged", &self.purged)
            .field("last", &self.last)
            .field("in_memory", &self.entries.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
