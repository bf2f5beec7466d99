//! What a log store holds, and what changes it.

use std::collections::BTreeMap;

use openraft::RaftTypeConfig;
use openraft::entry::RaftEntry;

use crate::{LogId, RaftTypes, Vote};

/// A log, a vote and a commit index.
#[derive(Clone, Debug)]
pub(super) struct State<C: RaftTypes> {
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    pub(super) log: BTreeMap<u64, <C as RaftTypeConfig>::Entry>,
}

impl<C: RaftTypes> Default for State<C> {
    fn default() -> Self {
        Self {
            vote: None,
            committed: None,
            purged: None,
            log: BTreeMap::new(),
        }
    }
}

/// One write.
#[derive(Clone, Debug)]
pub(super) enum Write<C: RaftTypes> {
    Vote(Vote),
    Committed(Option<LogId>),
    Append(Vec<<C as RaftTypeConfig>::Entry>),
    TruncateAfter(Option<LogId>),
    Purge(LogId),
}

impl<C: RaftTypes> State<C> {
    pub(super) fn apply(&mut self, write: Write<C>) {
        match write {
            Write::Vote(vote) => self.vote = Some(vote),
            Write::Committed(committed) => self.committed = committed,
            Write::Append(entries) => {
                let numbered = entries
                    .into_iter()
                    .map(|entry| (entry.log_id().index, entry));
                self.log.extend(numbered);
            }
            Write::TruncateAfter(last) => {
                let from = last.map_or(0, |id| id.index + 1);
                self.log.split_off(&from);
            }
            Write::Purge(upto) => {
                self.log = self.log.split_off(&(upto.index + 1));
                self.purged = self.purged.max(Some(upto));
            }
        }
    }

    pub(super) fn last(&self) -> Option<LogId> {
        let last = self.log.last_key_value();
        last.map(|(_, entry)| entry.log_id()).or(self.purged)
    }
}
