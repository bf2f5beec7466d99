//! The promise behind a lease: for a while, to let nobody else be elected.

use tsoracle_consensus::{BootInstant, NodeId};

use super::ballot::Ballot;
use super::replica::Replica;

/// A round of a leader's lease, as the node that granted it remembers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) ballot: Ballot,
    pub(super) until: BootInstant,
}

/// A candidate that waits for the end of a grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) from: NodeId,
    pub(super) ballot: Ballot,
}

impl Replica {
    /// After a restart: a round may have been granted just before it.
    pub(super) fn remember_grant(&mut self, now: BootInstant) {
        let ballot = self.durable.promised;
        let is_sole_voter = self.peers().is_empty();
        if self.rules.remembers_grants && ballot != Ballot::NONE && !is_sole_voter {
            let until = now.saturating_add(self.times.lease);
            self.grant = Some(Grant { ballot, until });
        }
    }

    /// Grants a round, unless somebody waits to be elected.
    pub(super) fn grant_round(&mut self, ballot: Ballot, now: BootInstant) -> bool {
        if self.waiting.is_some_and(|waiting| waiting.ballot > ballot) {
            return false;
        }
        self.waiting = None;
        let lease = match self.rules.grants_last_as_long_as_leases {
            true => self.times.lease,
            false => self.times.lease * 3 / 4,
        };
        let until = now.saturating_add(lease);
        self.grant = Some(Grant { ballot, until });
        true
    }

    /// Until when a candidate has to wait, if it has to. The owner of the granted ballot does not,
    /// nor does one for whom its leader has given up the lease.
    pub(super) fn held_until(
        &self,
        candidate: NodeId,
        released: Option<Ballot>,
        now: BootInstant,
    ) -> Option<BootInstant> {
        let grant = self.grant.filter(|_| self.rules.keeps_grants)?;
        let is_void = !self.rules.grants_outlive_membership
            && !self.durable.log.has_member(grant.ballot.node);
        let is_released = released.is_some_and(|released| grant.ballot <= released);
        let holds = grant.until > now && grant.ballot.node != candidate && !is_released && !is_void;
        holds.then_some(grant.until)
    }

    /// Notes who waits; while somebody does, no more is granted.
    pub(super) fn let_wait(&mut self, from: NodeId, ballot: Ballot) {
        let is_higher = self.waiting.is_none_or(|waiting| waiting.ballot < ballot);
        if self.rules.lets_candidates_in && is_higher {
            self.waiting = Some(Waiting { from, ballot });
        }
    }

    /// Promises to whoever has waited to the end of the grant.
    pub(super) fn let_in_who_waits(&mut self, now: BootInstant) {
        let Some(Waiting { from, ballot }) = self.waiting else {
            return;
        };
        if self.held_until(from, None, now).is_none() {
            self.waiting = None;
            if ballot > self.durable.promised {
                self.promise(from, ballot, now);
            }
        }
    }
}
