//! One node's part in every lease of its cluster.

use std::time::Duration;

use crate::granter::{Gate, Granter};
use crate::leadership::Leadership;
use crate::{
    Ballot, ChangeRefused, Grant, LeadError, NodeId, Quorum, Reading, Refusal, Release, Round,
    StartError, Timing, Voters,
};

/// What a store remembers across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stored<B> {
    /// The engine's promise or vote; `None` on a new store.
    pub promise: Option<B>,
    /// The promise, if it is known to have come in through the gate or to be that of an elected
    /// leader: a request for it need not wait again. `None` where the engine may have taken it on in
    /// another way, as Raft does from a refusal.
    pub admitted: Option<B>,
    /// The longest grant that this store was ever started with; it never decreases.
    pub longest: Duration,
}

/// One node's part in the leases of its cluster: it grants, it holds back, and while it leads it
/// knows how long.
///
/// Every `now` is a reading of this node's clock. For [`round`](Self::round) it is read before the
/// first frame is handed over; for every other call after the event that it reports, never a
/// reading that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseNode<B> {
    me: NodeId,
    timing: Timing,
    granter: Granter<B>,
    leadership: Option<Leadership<B>>,
    /// The highest ballot of this node that gets no lease any more.
    ended: Option<B>,
}

impl<B: Ballot> LeaseNode<B> {
    /// A node on a store, read at `now` or before. On a store with a promise, everything above what
    /// was admitted waits for the longest grant that the store may have given.
    ///
    /// # Errors
    /// [`StartError::LongestNotStored`]: record the length first.
    pub fn start(
        me: NodeId,
        timing: Timing,
        stored: Stored<B>,
        now: Reading,
    ) -> Result<Self, StartError> {
        let Stored {
            promise, longest, ..
        } = stored;
        let needed = timing.grant();
        if longest < needed {
            return Err(StartError::LongestNotStored {
                stored: longest,
                needed,
            });
        }
        Ok(Self {
            me,
            timing,
            granter: Granter::new(stored, timing.patience(), now),
            leadership: None,
            // Its grants may still be on their way, for rounds of the same numbers.
            ended: promise.filter(|promise| promise.owner() == me),
        })
    }

    /// Whether another node's Prepare or vote request for `ballot` may reach the engine. One that
    /// is held makes this node refuse every round below it until it has come in, was overtaken, or
    /// has stayed away for the [patience](Timing::with_patience) after its hold.
    ///
    /// After [`Gate::Pass`], say with [`settle`](Self::settle) what the engine made of it, however
    /// the call ends.
    pub fn admit(&mut self, ballot: B, now: Reading) -> Gate {
        self.granter.admit(ballot, now)
    }

    /// Whether this node's own Prepare or vote request for `ballot` may leave. The ballot counts as
    /// promised from here on, so this node grants nothing below it any more. Ask for every frame.
    pub fn emit(&mut self, ballot: B, now: Reading) -> Gate {
        self.promised(ballot);
        match self.granter.held_out(ballot, now) {
            Some(until) => Gate::Hold { until },
            None => Gate::Pass,
        }
    }

    /// Whether a request that binds nobody (a pre-vote, in or out) may pass. One that may not is
    /// answered with a refusal; nothing waits for it.
    #[must_use]
    pub fn admits_probe(&self, ballot: B, now: Reading) -> bool {
        self.granter.held_in(ballot, now).is_none()
    }

    /// The engine has answered a request for `ballot` that passed, and its promise is now
    /// `promise`. Call it once for every [`Gate::Pass`] of [`admit`](Self::admit), before the
    /// answer leaves; the promise is durable before that too.
    pub fn settle(&mut self, ballot: B, promise: B) {
        self.granter.settle(ballot, promise);
        self.promised(promise);
    }

    /// The engine's promise or vote is now `promise`, however that came: its own campaign, what an
    /// elected leader sent, or what a refusal told. Lower ones are ignored. Ends this node's
    /// leadership below it. A request for it waits at the gate all the same.
    pub fn promised(&mut self, promise: B) {
        self.granter.promised(promise);
        if self.ballot().is_some_and(|ballot| ballot < promise) {
            // The leadership is over, and whatever it was granted lasts as it was granted.
            self.leadership = None;
        }
    }

    /// A leader asks for a grant. `now` is read after the round was received, and the grant leaves
    /// after this node's promise is durable.
    ///
    /// # Errors
    /// [`Refusal`]: nothing is sent back.
    pub fn grant(&mut self, round: &Round<B>, now: Reading) -> Result<Grant<B>, Refusal<B>> {
        self.granter.grant(round, now)
    }

    /// A leader has ended its lease. Ask again for everything that is held.
    pub fn released(&mut self, release: &Release<B>) {
        self.granter.release(release);
    }

    /// This node leads under `ballot` and is in the accept phase (Raft: an entry of its own term is
    /// committed). The first round is due at once. Calling it again changes nothing.
    ///
    /// # Errors
    /// [`LeadError`]: this leadership gets no lease.
    pub fn lead(&mut self, ballot: B, voters: Voters) -> Result<(), LeadError<B>> {
        let owner = ballot.owner();
        if owner != self.me {
            return Err(LeadError::NotOwner { owner });
        }
        if self.ended >= Some(ballot) {
            return Err(LeadError::Ended);
        }
        let promise = self.granter.promise();
        if promise != Some(ballot) {
            return Err(LeadError::NotPromised { promise });
        }
        if !voters.all_contain(self.me) {
            return Err(LeadError::NotVoter);
        }
        if self.ballot() != Some(ballot) {
            self.leadership = Some(Leadership::new(ballot, voters));
        }
        Ok(())
    }

    /// The ballot that this node leads under, with a lease or without; `None` once it has ended.
    #[must_use]
    pub fn ballot(&self) -> Option<B> {
        self.leadership.as_ref().map(Leadership::ballot)
    }

    /// When the next round is due; `None` while this node does not lead.
    #[must_use]
    pub fn next_round(&self) -> Option<Reading> {
        self.leadership.as_ref().map(Leadership::due)
    }

    /// The round to send to every other voter now. It may be asked for before it is due, to prove
    /// a quorum for one call. This node's own grant is given here, and binds it.
    pub fn round(&mut self, now: Reading) -> Option<Round<B>> {
        let leadership = self.leadership.as_mut()?;
        let round = leadership.round(&self.timing, now);
        if let Ok(grant) = self.granter.grant(&round, now) {
            leadership.granted(&self.timing, self.me, &grant);
        }
        Some(round)
    }

    /// A node has granted a round; `from` is who the transport says it is. Returns the
    /// [deadline](Self::deadline).
    pub fn granted(&mut self, from: NodeId, grant: &Grant<B>) -> Option<Reading> {
        let leadership = self.leadership.as_mut()?;
        leadership.granted(&self.timing, from, grant);
        leadership.deadline()
    }

    /// The end of this node's lease, on its own clock, itself outside the lease; it may have
    /// passed. It never decreases under one ballot. `None` without a leadership, and before the
    /// first quorum.
    #[must_use]
    pub fn deadline(&self) -> Option<Reading> {
        self.leadership.as_ref()?.deadline()
    }

    /// Whether this node's lease covers `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: Reading) -> bool {
        self.deadline().is_some_and(|deadline| now < deadline)
    }

    /// The newest round of this leadership that a write quorum has granted: a proof that nobody led
    /// after this node when that round was sent.
    #[must_use]
    pub fn confirmed(&self) -> Option<u64> {
        self.leadership.as_ref()?.confirmed()
    }

    /// Ends the lease, not to return under this ballot: before a handoff, when a stop-sign is in
    /// the own log, before a voter set without this node is proposed, or to let in what waits here.
    /// **End the published lease before this call, and send the release after it.** `None` if there
    /// was no leadership; a ballot that this node owns and has promised gets no lease then either.
    pub fn end(&mut self) -> Option<Release<B>> {
        let own = self.granter.promise().filter(|b| b.owner() == self.me);
        self.ended = self.ended.max(own).max(self.ballot());
        let release = self.leadership.take()?.release();
        self.granter.release(&release);
        Some(release)
    }

    /// Voters are about to change to `to`: from now on the lease needs the old set and the new one.
    /// Propose the change once [`change_covered`](Self::change_covered) says so.
    ///
    /// # Errors
    /// [`ChangeRefused`]: do not propose it.
    pub fn begin_change(&mut self, to: Quorum) -> Result<(), ChangeRefused> {
        if to.members().len() == 1 && !to.is_only(self.me) {
            return Err(ChangeRefused::SingleOther);
        }
        let ended = self.has_ended();
        match &mut self.leadership {
            Some(leadership) => leadership.begin_change(self.me, to),
            // Once the lease has ended there is nothing to protect.
            None if ended => Ok(()),
            None => Err(ChangeRefused::NotLeading),
        }
    }

    /// Whether the change to `to` may be proposed now: the lease that was given out so far would
    /// stand on the grants of `to` too. Send rounds until it does; it takes one round trip, or the
    /// rest of the lease. Ask right before proposing, under the ballot that proposes.
    #[must_use]
    pub fn change_covered(&self, to: &Quorum, now: Reading) -> bool {
        match &self.leadership {
            Some(leadership) => leadership.change_covered(to, &self.timing, now),
            None => self.has_ended(),
        }
    }

    /// The change is over: these sets count. Call it with the new set once the engine has committed
    /// it, or with the old one if the change was never proposed. Without a leadership it does
    /// nothing.
    ///
    /// # Errors
    /// [`LeadError::NotVoter`], and nothing changes.
    pub fn set_voters(&mut self, voters: Voters) -> Result<(), LeadError<B>> {
        if !voters.all_contain(self.me) {
            return Err(LeadError::NotVoter);
        }
        if let Some(leadership) = &mut self.leadership {
            leadership.set_voters(voters);
        }
        Ok(())
    }

    /// Whether the ballot that this node last promised is its own, and gets no lease any more.
    fn has_ended(&self) -> bool {
        self.ended.is_some() && self.ended == self.granter.promise()
    }
}
