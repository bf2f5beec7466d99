//! What is replicated: commands in order, folded into a snapshot from the front.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{AdvancePayload, Epoch, HighWaterState, Member, NodeId};

use super::Rules;

/// Tells one store of a node from the next.
pub(super) type StoreId = u64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Command {
    /// The oracle's own.
    Advance(AdvancePayload),
    /// From here on these are the voters.
    Members(Vec<Member>),
    /// From here on the node is known by this store, and by no other (S4).
    Identify(NodeId, StoreId),
}

/// A snapshot of everything up to its index, and the commands that were not purged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Log {
    base: Snapshot,
    /// The index before the first entry; at most that of the snapshot.
    purged: u64,
    entries: Vec<Command>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Snapshot {
    index: u64,
    state: HighWaterState,
    members: Vec<Member>,
    stores: BTreeMap<NodeId, StoreId>,
}

impl Log {
    pub(super) fn of(members: Vec<Member>) -> Self {
        let base = Snapshot {
            members,
            ..Snapshot::default()
        };
        Self {
            base,
            ..Self::default()
        }
    }

    /// The index of the last command; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.purged + self.entries.len() as u64
    }

    pub(super) fn push(&mut self, command: Command) -> u64 {
        self.entries.push(command);
        self.last()
    }

    /// The command at an index, unless it is purged or not there yet.
    pub(super) fn get(&self, index: u64) -> Option<&Command> {
        let place = index.checked_sub(self.purged + 1)?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    /// The snapshot in front: its index and the state up to there.
    pub(super) fn base(&self) -> (u64, HighWaterState) {
        (self.base.index, self.base.state)
    }

    /// The voters: those of the last change, committed or not.
    pub(super) fn members(&self) -> &[Member] {
        let changed = self.entries.iter().rev().find_map(|command| match command {
            Command::Members(members) => Some(members),
            _ => None,
        });
        changed.unwrap_or(&self.base.members)
    }

    pub(super) fn has_member(&self, node: NodeId) -> bool {
        self.members().iter().any(|member| member.node == node)
    }

    /// The store by which a node is known, and the index that made it known.
    pub(super) fn store_of(&self, node: NodeId) -> Option<(StoreId, u64)> {
        let named = |(place, command): (usize, &Command)| match command {
            Command::Identify(named, store) if *named == node => {
                Some((*store, self.purged + 1 + place as u64))
            }
            _ => None,
        };
        let latest = self.entries.iter().enumerate().rev().find_map(named);
        latest.or_else(|| self.base.stores.get(&node).map(|store| (*store, 0)))
    }

    /// Takes a snapshot of everything up to `index` (N1: value and fence together).
    pub(super) fn take_snapshot(&mut self, index: u64, rules: &Rules, leads: bool) {
        while self.base.index < index {
            let Some(command) = self.get(self.base.index + 1).cloned() else {
                return;
            };
            match command {
                Command::Advance(payload) => {
                    // A command that was fenced has no effect here either.
                    let _ = rules.apply(payload, &mut self.base.state, leads);
                }
                Command::Members(members) => self.base.members = members,
                Command::Identify(node, store) => {
                    self.base.stores.insert(node, store);
                }
            }
            self.base.index += 1;
        }
        if !rules.snapshots_keep_the_fence {
            self.base.state.epoch = Epoch::ZERO;
        }
        if !rules.snapshots_keep_the_value {
            self.base.state.high_water = 0;
        }
    }

    /// Drops the commands that the snapshot stands for.
    pub(super) fn purge(&mut self, rules: &Rules) {
        if !rules.purges_only_what_the_snapshot_has {
            self.base.members = self.members().to_vec();
            self.base.index = self.last();
        }
        while self.purged < self.base.index && !self.entries.is_empty() {
            self.entries.remove(0);
            self.purged += 1;
        }
    }

    /// The index up to which commands are gone.
    pub(super) fn purged(&self) -> u64 {
        self.purged
    }

    /// How many commands are kept.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
