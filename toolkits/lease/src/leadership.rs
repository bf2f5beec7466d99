//! What a leader knows about its own lease.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    Ballot, ChangeRefused, Grant, NodeId, Quorum, Reading, Release, Round, Timing, Voters,
};

/// How many rounds are remembered while their grants are awaited; an older one goes unanswered.
const OUTSTANDING: usize = 1024;

/// A round, and the reading before it was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Sent {
    at: Reading,
    round: u64,
}

/// One leadership, under one ballot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leadership<B> {
    ballot: B,
    voters: Voters,
    outstanding: VecDeque<Sent>,
    rounds: u64,
    due: Reading,
    /// The newest round that each voter granted.
    granted: BTreeMap<NodeId, Sent>,
    /// The deadline that was given out; it only grows.
    deadline: Option<Reading>,
}

impl<B: Ballot> Leadership<B> {
    pub(crate) const fn new(ballot: B, voters: Voters) -> Self {
        Self {
            ballot,
            voters,
            outstanding: VecDeque::new(),
            rounds: 0,
            due: Reading::ZERO,
            granted: BTreeMap::new(),
            deadline: None,
        }
    }

    pub(crate) const fn ballot(&self) -> B {
        self.ballot
    }

    pub(crate) const fn due(&self) -> Reading {
        self.due
    }

    pub(crate) const fn deadline(&self) -> Option<Reading> {
        self.deadline
    }

    pub(crate) fn round(&mut self, timing: &Timing, now: Reading) -> Round<B> {
        let of_use = |sent: &Sent| now < sent.at.saturating_add(timing.lease());
        while self.outstanding.front().is_some_and(|sent| !of_use(sent))
            || self.outstanding.len() >= OUTSTANDING
        {
            self.outstanding.pop_front();
        }
        self.rounds = self.rounds.saturating_add(1);
        self.outstanding.push_back(Sent {
            at: now,
            round: self.rounds,
        });
        self.due = now.saturating_add(timing.interval());
        Round {
            ballot: self.ballot,
            round: self.rounds,
            lasts: timing.grant(),
        }
    }

    pub(crate) fn granted(&mut self, timing: &Timing, from: NodeId, grant: &Grant<B>) {
        if grant.ballot != self.ballot || !self.voters.contain(from) {
            return;
        }
        let Ok(at) = self
            .outstanding
            .binary_search_by_key(&grant.round, |sent| sent.round)
        else {
            return;
        };
        let Some(sent) = self.outstanding.get(at).copied() else {
            return;
        };
        let newest = self.granted.entry(from).or_insert(sent);
        *newest = sent.max(*newest);
        self.deadline = self.deadline.max(self.backed_until(timing));
    }

    /// The newest round that a write quorum of every set granted.
    pub(crate) fn confirmed(&self) -> Option<u64> {
        let round = |node| self.granted.get(&node).map(|sent| sent.round);
        self.voters.reached(round)
    }

    /// Until when the grants of the present sets alone would make a lease.
    fn backed_until(&self, timing: &Timing) -> Option<Reading> {
        let at = |node| self.granted.get(&node).map(|sent| sent.at);
        let reached = self.voters.reached(at)?;
        Some(reached.saturating_add(timing.lease()))
    }

    pub(crate) fn begin_change(&mut self, me: NodeId, to: Quorum) -> Result<(), ChangeRefused> {
        if !to.members().contains(&me) {
            return Err(ChangeRefused::LeaderLeaves);
        }
        self.voters = self.voters.joined_by(to);
        self.due = Reading::ZERO;
        Ok(())
    }

    pub(crate) fn change_covered(&self, to: &Quorum, timing: &Timing, now: Reading) -> bool {
        let lapsed = self.deadline.is_none_or(|deadline| deadline <= now);
        let carried = self.backed_until(timing) >= self.deadline;
        self.voters.sets().contains(to) && (lapsed || carried)
    }

    pub(crate) fn set_voters(&mut self, voters: Voters) {
        self.voters = voters;
    }

    pub(crate) const fn release(&self) -> Release<B> {
        Release {
            ballot: self.ballot,
            round: self.rounds,
        }
    }
}
