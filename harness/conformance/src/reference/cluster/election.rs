//! Who may lead: prepare, promise, and the newest log among the promises.

use std::collections::BTreeMap;

use rand::RngExt;
use tsoracle_consensus::{BootInstant, LeaderHint, NodeId};

use super::ballot::Ballot;
use super::log::{Log, StoreId};
use super::message::Message;
use super::replica::{Replica, Role};

/// A node that asks to be elected, and who has promised so far.
pub(super) struct Candidacy {
    ballot: Ballot,
    promises: BTreeMap<NodeId, Promised>,
}

struct Promised {
    store: StoreId,
    accepted: Ballot,
    log: Log,
}

impl Replica {
    /// Waits for a leader for one to two election timeouts, as the seed has it.
    pub(super) fn await_election(&mut self, now: BootInstant) {
        let longest = self.times.election * 2;
        let wait = self.rng.random_range(self.times.election..=longest);
        self.election_due = now.saturating_add(wait);
    }

    /// Asks to be elected. Its own grant binds a node as it binds the others.
    pub(super) fn campaign(&mut self, released: Option<Ballot>, now: BootInstant) {
        self.await_election(now);
        if !self.durable.log.has_member(self.me) {
            return;
        }
        if let Some(until) = self.held_until(self.me, released, now) {
            self.election_due = self.election_due.min(until);
            return;
        }
        let round = match self.rules.campaigns_above_all_seen {
            true => self.highest_seen.max(self.durable.promised.round) + 1,
            false => self.durable.accepted.round + 1,
        };
        let ballot = Ballot {
            round,
            node: self.me,
        };
        self.step_down();
        self.note_promise(ballot);
        let own = Promised {
            store: self.store,
            accepted: self.durable.accepted,
            log: self.durable.log.clone(),
        };
        self.role = Role::Candidate(Candidacy {
            ballot,
            promises: BTreeMap::from([(self.me, own)]),
        });
        for peer in self.peers() {
            self.send(peer, Message::Prepare { ballot, released });
        }
        self.count_promises(now);
    }

    pub(super) fn on_take_over(&mut self, released: Ballot, to: NodeId, now: BootInstant) {
        if to != self.me || released < self.durable.promised {
            return;
        }
        if self.rules.takes_over_by_election {
            return self.campaign(Some(released), now);
        }
        let ballot = Ballot {
            round: released.round + 1,
            node: self.me,
        };
        self.note_promise(ballot);
        let electors = BTreeMap::from([(self.me, self.store)]);
        self.begin_to_lead(ballot, electors, self.durable.log.clone(), now);
    }

    pub(super) fn on_prepare(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        released: Option<Ballot>,
        now: BootInstant,
    ) {
        self.highest_seen = self.highest_seen.max(ballot.round);
        if !self.durable.log.has_member(from) {
            return;
        }
        if ballot <= self.durable.promised {
            let promised = self.durable.promised;
            self.send(from, Message::Refused { promised });
        } else if self.held_until(from, released, now).is_some() {
            self.let_wait(from, ballot);
        } else {
            self.promise(from, ballot, now);
        }
    }

    pub(super) fn promise(&mut self, to: NodeId, ballot: Ballot, now: BootInstant) {
        self.step_down();
        self.note_promise(ballot);
        self.await_election(now);
        if !self.rules.hints_name_granted_leaders {
            self.hint = self.hint_at(ballot);
        }
        let (accepted, log) = (self.durable.accepted, self.durable.log.clone());
        let promise = Message::Promise {
            ballot,
            accepted,
            log,
        };
        self.send(to, promise);
    }

    pub(super) fn note_promise(&mut self, ballot: Ballot) {
        self.durable.promised = ballot;
        self.highest_seen = self.highest_seen.max(ballot.round);
        self.effects.dirty = true;
    }

    pub(super) fn on_promise(
        &mut self,
        from: NodeId,
        store: StoreId,
        (ballot, accepted, log): (Ballot, Ballot, Log),
        now: BootInstant,
    ) {
        match &mut self.role {
            Role::Candidate(candidacy) if candidacy.ballot == ballot => {
                let promised = Promised {
                    store,
                    accepted,
                    log,
                };
                candidacy.promises.insert(from, promised);
                self.count_promises(now);
            }
            _ => {}
        }
    }

    /// Leads once a quorum has promised: of the voters in the newest log among the promises, each
    /// by the store that this log knows it by.
    fn count_promises(&mut self, now: BootInstant) {
        let Role::Candidate(Candidacy { ballot, promises }) = &self.role else {
            return;
        };
        let newest = promises
            .values()
            .max_by_key(|promised| (promised.accepted, promised.log.last()));
        let Some(newest) = newest else { return };
        let log = &newest.log;
        let counts = |node: &NodeId, promised: &Promised| {
            let known = log.store_of(*node);
            let is_known = known.is_none_or(|(store, _)| store == promised.store);
            log.has_member(*node) && (is_known || !self.rules.checks_stores)
        };
        let voters: BTreeMap<NodeId, StoreId> = promises
            .iter()
            .filter(|(node, promised)| counts(node, promised))
            .map(|(node, promised)| (*node, promised.store))
            .collect();
        let quorum = (self.rules.quorum)(log.members().len());
        if voters.len() >= quorum && voters.contains_key(&self.me) {
            let log = match self.rules.adopts_the_newest_log {
                true => log.clone(),
                false => self.durable.log.clone(),
            };
            let ballot = *ballot;
            self.begin_to_lead(ballot, voters, log, now);
        }
    }

    /// The leader's log, and a round of its lease.
    pub(super) fn on_accept(&mut self, from: NodeId, accept: Message, now: BootInstant) {
        let Message::Accept {
            ballot,
            log,
            committed,
            round,
        } = accept
        else {
            return;
        };
        if ballot < self.durable.promised {
            let promised = self.durable.promised;
            self.send(from, Message::Refused { promised });
            return;
        }
        if ballot > self.durable.promised {
            self.step_down();
            self.note_promise(ballot);
        }
        if matches!(self.role, Role::Candidate(_)) {
            self.step_down();
        }
        self.settle_handoff(from);
        self.await_election(now);
        if !self.take_log(ballot, log, committed) {
            return;
        }
        let granted = self.grant_round(ballot, now);
        if granted {
            self.hint = self.hint_at(ballot);
        }
        let accepted = Message::Accepted {
            ballot,
            last: self.durable.log.last(),
            granted: granted.then_some(round),
        };
        self.send(from, accepted);
    }

    /// Takes the leader's log unless the own one is newer; false if it cannot be joined to the own.
    fn take_log(&mut self, ballot: Ballot, log: Log, committed: u64) -> bool {
        let own = (self.durable.accepted, self.durable.log.last());
        if (ballot, log.last()) < own {
            return true;
        }
        if !self.rules.sends_snapshots && log.purged() > self.durable.log.last() {
            return false;
        }
        let committed = self.durable.committed.max(committed.min(log.last()));
        let is_new = (ballot, log.last()) > own || self.durable.committed != committed;
        self.effects.dirty |= is_new;
        self.durable.accepted = ballot;
        self.durable.log = log;
        self.durable.committed = committed;
        let (base, state) = self.durable.log.base();
        if base > 0 && !self.rules.installs_only_newer_snapshots {
            self.state = state;
        }
        true
    }

    fn hint_at(&self, ballot: Ballot) -> Option<LeaderHint> {
        let members = self.durable.log.members();
        let leader = members.iter().find(|member| member.node == ballot.node)?;
        let endpoint = match self.rules.hints_show_the_service {
            true => leader.service_endpoint.clone(),
            false => leader.peer_endpoint.clone(),
        };
        let epoch = ballot.epoch();
        Some(LeaderHint { endpoint, epoch })
    }

    /// Somebody has promised higher: whoever leads or asks to, has to ask anew.
    pub(super) fn on_refused(&mut self, promised: Ballot, now: BootInstant) {
        self.highest_seen = self.highest_seen.max(promised.round);
        let own = match &self.role {
            Role::Follower => return,
            Role::Candidate(candidacy) => candidacy.ballot,
            Role::Leader(leadership) => leadership.ballot,
        };
        if promised > own {
            self.step_down();
            self.await_election(now);
        }
    }
}
