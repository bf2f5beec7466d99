//! What a node has promised to delay, and what waits for the end of it.

use std::time::Duration;

use crate::{Ballot, Grant, Reading, Refusal, Release, Round, Stored};

/// Whether a request for a ballot may pass now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Gate {
    /// Hand it over, then say what became of it.
    Pass,
    /// Ask again at this reading: keep the request, or drop it and leave that to whoever sent it.
    Hold {
        /// When the last grant that it waits for ends, on this node's clock.
        until: Reading,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Granted<B> {
    ballot: B,
    round: u64,
    until: Reading,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting<B> {
    /// The highest that was held.
    ballot: B,
    /// When it no longer counts, if it has not come back by then.
    expires: Reading,
}

/// The granting side of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Granter<B> {
    promise: Option<B>,
    /// The highest that was promised after it had passed the gate, or was elected.
    admitted: Option<B>,
    longest: Duration,
    patience: Duration,
    granted: Option<Granted<B>>,
    /// The end of what may have been granted before a restart.
    withheld: Reading,
    waiting: Option<Waiting<B>>,
    /// Passed, and not yet answered by the engine.
    unsettled: Vec<B>,
}

impl<B: Ballot> Granter<B> {
    pub(crate) fn new(stored: Stored<B>, patience: Duration, now: Reading) -> Self {
        let Stored {
            promise,
            admitted,
            longest,
        } = stored;
        let withheld = match promise {
            Some(_) => now.saturating_add(longest),
            None => Reading::ZERO,
        };
        Self {
            promise,
            admitted,
            longest,
            patience,
            granted: None,
            withheld,
            waiting: None,
            unsettled: Vec::new(),
        }
    }

    pub(crate) const fn promise(&self) -> Option<B> {
        self.promise
    }

    /// Until when a request of another node has to wait, if it has to. The engine refuses what is
    /// below its promise, and what was admitted before may come again. The promise itself may have
    /// been learned on another way, above a grant.
    pub(crate) fn held_in(&self, ballot: B, now: Reading) -> Option<Reading> {
        if Some(ballot) < self.promise || Some(ballot) <= self.admitted {
            return None;
        }
        self.held_out(ballot, now)
    }

    /// Until when a request of this node has to wait. Its ballot is this node's promise by now, and
    /// may have been before a restart, so the promise says nothing about what was granted below.
    pub(crate) fn held_out(&self, ballot: B, now: Reading) -> Option<Reading> {
        let granted = match &self.granted {
            Some(granted) if granted.ballot.owner() != ballot.owner() => granted.until,
            _ => Reading::ZERO,
        };
        let until = granted.max(self.withheld);
        (now < until).then_some(until)
    }

    pub(crate) fn admit(&mut self, ballot: B, now: Reading) -> Gate {
        if let Some(until) = self.held_in(ballot, now) {
            let expires = until.saturating_add(self.patience);
            let waiting = self.waiting.get_or_insert(Waiting { ballot, expires });
            waiting.ballot = waiting.ballot.max(ballot);
            waiting.expires = waiting.expires.max(expires);
            return Gate::Hold { until };
        }
        if Some(ballot) > self.promise {
            self.unsettled.push(ballot);
        }
        // What has come in, and what it overtakes, no longer waits.
        self.waiting.take_if(|waiting| waiting.ballot <= ballot);
        Gate::Pass
    }

    /// The promise by then is at `promise`; a request that the engine refused is not admitted.
    pub(crate) fn settle(&mut self, ballot: B, promise: B) {
        if let Some(at) = self.unsettled.iter().position(|passed| *passed == ballot) {
            self.unsettled.swap_remove(at);
        }
        if ballot <= promise {
            self.admitted = self.admitted.max(Some(ballot));
        }
    }

    pub(crate) fn promised(&mut self, promise: B) {
        self.promise = self.promise.max(Some(promise));
    }

    pub(crate) fn grant(&mut self, round: &Round<B>, now: Reading) -> Result<Grant<B>, Refusal<B>> {
        self.may_grant(round, now)?;
        self.waiting = None;
        let mut until = now.saturating_add(round.lasts);
        let mut number = round.round;
        if let Some(old) = &self.granted {
            until = until.max(old.until);
            if old.ballot == round.ballot {
                number = number.max(old.round);
            }
        }
        self.granted = Some(Granted {
            ballot: round.ballot,
            round: number,
            until,
        });
        Ok(Grant {
            ballot: round.ballot,
            round: round.round,
        })
    }

    pub(crate) fn release(&mut self, release: &Release<B>) {
        self.granted
            .take_if(|granted| granted.ballot == release.ballot && granted.round <= release.round);
    }

    fn may_grant(&self, round: &Round<B>, now: Reading) -> Result<(), Refusal<B>> {
        let promise = self.promise;
        if promise != Some(round.ballot) {
            return Err(Refusal::NotPromised { promise });
        }
        if let Some(passed) = self.unsettled.iter().max().filter(|b| **b > round.ballot) {
            return Err(Refusal::Unsettled { passed: *passed });
        }
        if let Some(waiting) = &self.waiting
            && waiting.ballot > round.ballot
            && now < waiting.expires
        {
            return Err(Refusal::Waits {
                waiting: waiting.ballot,
            });
        }
        if round.lasts > self.longest {
            let longest = self.longest;
            return Err(Refusal::TooLong { longest });
        }
        Ok(())
    }
}
