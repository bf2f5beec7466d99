//! Telling what a turn has changed: what is decided, who leads, whose lease it is.

use omnipaxos::util::LogEntry;
use tsoracle_lease::LeadError;

use super::engine::Engine;
use crate::storage::{StorageControl, SyncedStorage};
use crate::{Decided, GroupEntry, Leadership, PaxosBallot};

impl<T: GroupEntry, S: SyncedStorage<T>> Engine<T, S> {
    /// Tells everything, after the sync.
    pub(super) fn show(&mut self) {
        self.show_decided();
        let leading = self.now_leading();
        self.pending.led_by(leading.leads());
        if *self.leadership.borrow() != leading {
            tracing::debug!(node = self.me, ?leading, "another part in the group");
            if leading.leads().is_some() {
                self.rounds.elected();
            }
        }
        self.leadership.send_if_modified(|known| {
            let changed = *known != leading;
            *known = leading;
            changed
        });
        if let Some(ballot) = leading.leads() {
            self.keep_lease(ballot);
        }
        self.step_handoff(leading);
    }

    pub(super) fn now_leading(&self) -> Leadership {
        let Some(promise) = self.promise else {
            return Leadership::NoLeader;
        };
        match self.paxos.get_current_leader() {
            Some((leader, true)) if leader == self.me => Leadership::Leader { ballot: promise },
            Some((leader, has_led)) if leader != self.me => {
                Leadership::Follower { promise, has_led }
            }
            _ if self.recovered == Some(promise) => Leadership::NoLeader,
            _ => Leadership::Candidate { ballot: promise },
        }
    }

    /// A leader keeps its lease while its configuration goes on. A ballot whose lease has ended is
    /// followed by a campaign with a higher one.
    fn keep_lease(&mut self, ballot: PaxosBallot) {
        let Some(keeper) = &mut self.keeper else {
            return;
        };
        if self.control.has_stopsign() {
            if keeper.ballot().is_some() {
                self.end_lease();
            }
            return;
        }
        if self.handoff.is_some() {
            return;
        }
        match keeper.lead(ballot) {
            Ok(()) => {}
            Err(LeadError::Ended) => self.campaign(),
            Err(why) => tracing::warn!("no lease at {ballot}: {why}"),
        }
    }

    fn show_decided(&mut self) {
        let decided = self.paxos.get_decided_idx();
        self.shared.progress.set_decided(decided);
        while self.shown < decided && !self.withheld && self.apply.has_room() {
            let to = decided.min(self.shown.saturating_add(self.limits.batch));
            let Some(read) = self.paxos.read_entries(self.shown..to) else {
                tracing::error!(from = self.shown, to, "decided entries cannot be read");
                return;
            };
            let before = self.shown;
            self.show_read(read);
            if self.shown == before {
                return;
            }
        }
    }

    fn show_read(&mut self, read: Vec<LogEntry<T>>) {
        let mut entries = Vec::new();
        for entry in read {
            match entry {
                LogEntry::Decided(entry) => entries.push(entry),
                LogEntry::Snapshotted(compacted) => self.hand_on(Decided::Snapshot {
                    up_to: compacted.trimmed_idx,
                    snapshot: compacted.snapshot,
                }),
                LogEntry::Trimmed(up_to) => self.hand_on(Decided::Trimmed { up_to }),
                LogEntry::StopSign(stopsign, true) => {
                    self.hand_on_entries(std::mem::take(&mut entries));
                    let index = self.shown;
                    self.hand_on(Decided::StopSign { index, stopsign });
                }
                LogEntry::Undecided(_) | LogEntry::StopSign(_, false) => break,
            }
        }
        self.hand_on_entries(entries);
    }

    fn hand_on_entries(&mut self, entries: Vec<T>) {
        if entries.is_empty() {
            return;
        }
        let from = self.shown;
        let requests: Vec<_> = entries.iter().map(GroupEntry::request).collect();
        self.hand_on(Decided::Entries { from, entries });
        for (index, request) in (from..).zip(requests) {
            if let Some(request) = request {
                self.pending.decided(request, index);
            }
        }
    }

    fn hand_on(&mut self, decided: Decided<T>) {
        self.shown = decided.end();
        self.apply.apply(decided);
    }
}
