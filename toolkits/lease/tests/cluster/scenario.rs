//! What a cluster may do, how long it is watched, and which rule is left out.

use std::collections::BTreeSet;
use std::time::Duration;

use tsoracle_lease::{Drift, LeaseNode, Quorum, Reading, Stored, Timing, Voters};

use crate::common::{TestBallot, nanos};
use crate::world::id;

/// A rule left out, around the crate: its inputs are altered or its answers ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// (a) Rounds are sent by a candidate.
    RoundsBeforeElected,
    /// (a) The send time is read after the frames were handed over.
    StampsLate,
    /// (b) A round is granted whatever the promise.
    GrantsUnpromised,
    /// (b) A request that has passed the gate is forgotten before the engine has handled it.
    GrantsPastUnsettled,
    /// (b) A grant is made although something higher waits.
    GrantsPastWaiting,
    /// (b) The granter uses a reading that it kept.
    CachedClock,
    /// (c) A request of another node is not held.
    AdmitsAtOnce,
    /// (c) An own request is not held.
    EmitsAtOnce,
    /// (c) The leader's own node does not hold.
    LeaderAdmitsAtOnce,
    /// (c) A ballot that was learned counts as one that has passed the gate.
    LearnsAsPassed,
    /// (d) The release is sent, and the lease goes on.
    ReleasesFirst,
    /// (d) A release voids every round of its ballot.
    ReleaseWithoutRound,
    /// (e) A restart forgets what was granted.
    ForgetsGrants,
    /// (e) A restart knows only the present length of a grant.
    ForgetsLongest,
    /// (e) A campaign that was stored before the restart leaves at once.
    EmitsStoredCampaign,
    /// A leader goes on under its ballot after a restart.
    ResumesBallot,
    /// (f) The lease goes on when a stop-sign is in the log, or the leader leaves the voters.
    KeepsLease,
    /// (f) Rounds need only the old set until the new one is in force.
    OldSetOnly,
    /// (f) The change is proposed before the new set carries the lease.
    ProposesUncovered,
    /// (h) A leader is shown without a lease.
    ShowsWithoutLease,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) nodes: u8,
    /// How long the world is watched, in ticks of true time.
    pub(crate) ticks: u16,
    /// By how much each node's clock may advance in one tick, all nodes at once.
    pub(crate) rates: Vec<Vec<u64>>,
    pub(crate) timing: Timing,
    /// The length that a restarted node works with, if it is another one.
    pub(crate) timing_after_restart: Option<Timing>,
    /// Rounds of the first leader, and of every later one.
    pub(crate) rounds: (u16, u16),
    /// Grants arrive at once. A later one only makes a shorter lease.
    pub(crate) grants_at_once: bool,
    /// Who may campaign, and how often all of them together.
    pub(crate) candidates: Vec<u8>,
    pub(crate) campaigns: u16,
    pub(crate) restarts: u16,
    /// A restarted node goes on with the campaign that its store shows.
    pub(crate) resumes_campaign: bool,
    /// The engine handles a request some time after it has passed the gate.
    pub(crate) queued: bool,
    /// A node takes on the ballot of an elected leader that it had not voted for, as Raft does.
    pub(crate) follows: bool,
    /// A node takes on a ballot that it learns from a refusal of its own request, as Raft does, and
    /// votes for it when it is asked.
    pub(crate) learns: bool,
    pub(crate) handoff: bool,
    pub(crate) old: BTreeSet<u8>,
    pub(crate) new: Option<BTreeSet<u8>>,
    /// The new voters are a new instance of the engine, which knows no grant of the old one.
    pub(crate) stop_sign: bool,
    /// Writes need this many voters, elections the rest and one; without it, majorities.
    pub(crate) write: Option<usize>,
    /// Nothing may be held for more than so many ticks.
    pub(crate) longest_wait: Option<u16>,
    /// Time stands still while something that was held may pass: nobody is slow to ask again.
    pub(crate) prompt: bool,
    pub(crate) broken: Option<Broken>,
}

/// Three quarters: what a clock at 3 a tick may use of what a clock at 4 a tick grants.
pub(crate) const DRIFT: Drift = Drift {
    share_ppm: 250_000,
    slack: Duration::ZERO,
};

/// A grant of 8 ends after 2 ticks of the fastest clock; the lease of 6 that it gives ends after 2
/// ticks of the slowest. Nothing is to spare.
pub(crate) fn tight() -> Timing {
    Timing::new(nanos(8), nanos(3), DRIFT).unwrap()
}

impl Scenario {
    /// Three nodes, the leader's clock the slowest and the others' the fastest within the bound.
    pub(crate) fn of_three() -> Self {
        Self {
            nodes: 3,
            ticks: 5,
            rates: vec![vec![3, 4, 4]],
            timing: tight(),
            timing_after_restart: None,
            rounds: (2, 1),
            grants_at_once: false,
            candidates: vec![3],
            campaigns: 1,
            restarts: 0,
            resumes_campaign: false,
            queued: false,
            follows: false,
            learns: false,
            handoff: false,
            old: BTreeSet::from([1, 2, 3]),
            new: None,
            stop_sign: false,
            write: None,
            longest_wait: None,
            prompt: false,
            broken: None,
        }
    }

    pub(crate) fn broken(mut self, rule: Broken) -> Self {
        self.broken = Some(rule);
        self
    }

    pub(crate) fn is(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }

    /// Whether a message that the rules make harmless may still do harm.
    pub(crate) fn keeps_late_messages(&self) -> bool {
        self.is(Broken::GrantsUnpromised) || self.is(Broken::ResumesBallot)
    }

    /// A node of a store that has granted nothing.
    pub(crate) fn new_node(
        &self,
        pid: u8,
        promise: Option<TestBallot>,
        now: Reading,
    ) -> LeaseNode<TestBallot> {
        let mut node = self.start(pid, self.timing, None, now);
        if let Some(promise) = promise {
            node.promised(promise);
        }
        node
    }

    pub(crate) fn restarted(
        &self,
        pid: u8,
        promise: TestBallot,
        now: Reading,
    ) -> LeaseNode<TestBallot> {
        if self.is(Broken::ForgetsGrants) || self.is(Broken::ResumesBallot) && promise.pid == pid {
            return self.new_node(pid, Some(promise), now);
        }
        let timing = self.timing_after_restart.unwrap_or(self.timing);
        self.start(pid, timing, Some(promise), now)
    }

    fn start(
        &self,
        pid: u8,
        timing: Timing,
        promise: Option<TestBallot>,
        now: Reading,
    ) -> LeaseNode<TestBallot> {
        let longest = if self.is(Broken::ForgetsLongest) {
            timing.grant()
        } else {
            self.timing.grant().max(timing.grant())
        };
        let stored = Stored {
            promise,
            admitted: promise.filter(|_| !self.learns || self.is(Broken::LearnsAsPassed)),
            longest,
        };
        LeaseNode::start(id(pid), timing, stored, now).unwrap()
    }

    pub(crate) fn members(&self, changed: bool) -> &BTreeSet<u8> {
        match &self.new {
            Some(new) if changed => new,
            _ => &self.old,
        }
    }

    pub(crate) fn quorum(&self, changed: bool) -> Quorum {
        let members = self.members(changed).iter().map(|pid| id(*pid));
        match self.write {
            Some(write) => Quorum::flexible(members, write).unwrap(),
            None => Quorum::majority(members).unwrap(),
        }
    }

    pub(crate) fn voters(&self, changed: bool) -> Voters {
        Voters::uniform(self.quorum(changed))
    }

    /// How many rounds a leadership may send.
    pub(crate) fn rounds_of(&self, ballot: TestBallot) -> u16 {
        if ballot.n == 1 {
            self.rounds.0
        } else {
            self.rounds.1
        }
    }

    /// How many votes elect.
    pub(crate) fn elects(&self, changed: bool) -> usize {
        let members = self.members(changed).len();
        match self.write {
            Some(write) => members - write + 1,
            None => members / 2 + 1,
        }
    }
}
