//! One replica: messages, calls and time in; messages, answers and a durable state out. It does no
//! I/O: its node writes and syncs what changed before anything that rests on it leaves.
//!
//! The protocol is multi-decree Paxos with a distinguished leader, in its plainest form: every
//! message that replicates carries the whole log.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tsoracle_consensus::{
    BootInstant, ConsensusError, HandoffError, HighWaterState, LeaderHint, LeaderState, NodeId,
    Superseded,
};

use super::ballot::Ballot;
use super::call::{Call, Hook};
use super::election::Candidacy;
use super::grant::{Grant, Waiting};
use super::leading::Leadership;
use super::log::{Command, Log, StoreId};
use super::message::{Envelope, Message};
use super::{Rules, Times};

/// More commands than this are folded into a snapshot.
const LONGEST_LOG: usize = 16;

/// What a replica may not forget.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Durable {
    /// Nothing below this is accepted or promised.
    pub(super) promised: Ballot,
    /// The ballot under which the log was accepted.
    pub(super) accepted: Ballot,
    pub(super) log: Log,
    /// Known to be committed; may be behind.
    pub(super) committed: u64,
}

pub(super) enum Role {
    Follower,
    Candidate(Candidacy),
    Leader(Box<Leadership>),
}

/// A handoff whose target has been told to take over.
pub(super) struct HandingOver {
    pub(super) to: NodeId,
    pub(super) reply: oneshot::Sender<Result<(), HandoffError>>,
}

/// What is to leave the node once its state is durable.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) dirty: bool,
    pub(super) send: Vec<(NodeId, Message)>,
    pub(super) answers: Vec<Box<dyn FnOnce() + Send>>,
}

pub(super) struct Replica {
    pub(super) me: NodeId,
    pub(super) store: StoreId,
    pub(super) rules: Rules,
    pub(super) times: Times,
    pub(super) rng: ChaCha8Rng,
    pub(super) durable: Durable,
    pub(super) applied: u64,
    pub(super) state: HighWaterState,
    pub(super) holds_apply: bool,
    pub(super) role: Role,
    pub(super) grant: Option<Grant>,
    pub(super) waiting: Option<Waiting>,
    pub(super) handing_over: Option<HandingOver>,
    pub(super) highest_seen: u64,
    pub(super) hint: Option<LeaderHint>,
    pub(super) election_due: BootInstant,
    pub(super) effects: Effects,
}

impl Replica {
    /// A replica as it comes up on its store.
    pub(super) fn new(
        me: NodeId,
        store: StoreId,
        mut durable: Durable,
        (rules, times): (Rules, Times),
        rng: ChaCha8Rng,
        now: BootInstant,
    ) -> Self {
        if !rules.keeps_promises {
            durable.promised = durable.accepted;
        }
        let (applied, state) = durable.log.base();
        let mut replica = Self {
            me,
            store,
            rules,
            times,
            rng,
            applied,
            state,
            holds_apply: false,
            role: Role::Follower,
            grant: None,
            waiting: None,
            handing_over: None,
            highest_seen: durable.promised.round,
            hint: None,
            election_due: now,
            effects: Effects::default(),
            durable,
        };
        replica.remember_grant(now);
        replica.await_election(now);
        replica
    }

    /// One message. Whoever is no voter has no say, and nobody but the store that the log names
    /// speaks for a node (S4).
    pub(super) fn hear(&mut self, from: NodeId, envelope: Envelope, now: BootInstant) {
        let Envelope { store, message } = envelope;
        if self.is_stranger(from, store) {
            return;
        }
        match message {
            Message::Prepare { ballot, released } => {
                self.on_prepare(from, ballot, released, now);
            }
            Message::Promise {
                ballot,
                accepted,
                log,
            } => self.on_promise(from, store, (ballot, accepted, log), now),
            Message::Accept { .. } => self.on_accept(from, message, now),
            Message::Accepted {
                ballot,
                last,
                granted,
            } => self.on_accepted((from, store), ballot, last, granted, now),
            Message::Refused { promised } => self.on_refused(promised, now),
            Message::TakeOver { released, to } => self.on_take_over(released, to, now),
        }
    }

    /// One call of the driver or the harness.
    pub(super) fn call(&mut self, call: Call, now: BootInstant) {
        match call {
            Call::Load(reply) => self.load(reply, now),
            Call::Persist {
                at_least,
                epoch,
                reply,
            } => self.persist(at_least, epoch, reply),
            Call::HandOff { to, reply } => self.hand_off(to, reply, now),
            Call::Members(reply) => {
                let members = self.durable.log.members().to_vec();
                self.answer(reply, Ok(members));
            }
            Call::Change { change, reply } => self.begin_change(change, reply, now),
            Call::Hook { hook, reply } => self.hook(hook, reply, now),
        }
    }

    fn hook(
        &mut self,
        hook: Hook,
        reply: oneshot::Sender<Result<(), ConsensusError>>,
        now: BootInstant,
    ) {
        match hook {
            Hook::HoldApply(hold) => self.holds_apply = hold,
            Hook::Inject(payload) => return self.inject(payload, reply),
            Hook::SnapshotNow => {
                self.take_snapshot();
                self.effects.dirty = true;
            }
            Hook::PurgeNow => {
                self.durable.log.purge(&self.rules);
                self.effects.dirty = true;
            }
            Hook::Campaign => self.election_due = now,
        }
        self.answer(reply, Ok(()));
    }

    /// After the messages and calls of one moment: whatever time or they have made due.
    pub(super) fn finish(&mut self, now: BootInstant) -> Effects {
        self.let_in_who_waits(now);
        if now >= self.election_due && !matches!(self.role, Role::Leader(_)) {
            self.campaign(None, now);
        }
        self.lead(now);
        self.apply();
        self.settle(now);
        if self.durable.log.len() > LONGEST_LOG {
            self.take_snapshot();
            self.durable.log.purge(&self.rules);
        }
        std::mem::take(&mut self.effects)
    }

    /// When `finish` has something to do though nothing happens.
    pub(super) fn wake_at(&self) -> BootInstant {
        let role = match &self.role {
            Role::Leader(leadership) => leadership.round_due,
            _ => self.election_due,
        };
        let grant_ends = self.grant.filter(|_| self.waiting.is_some());
        grant_ends.map_or(role, |grant| role.min(grant.until))
    }

    /// Applies what is committed, in order.
    fn apply(&mut self) {
        let (base, state) = self.durable.log.base();
        if self.applied < base && !self.holds_apply {
            self.applied = base;
            if self.rules.installs_the_state {
                self.state = state;
            }
        }
        while self.applied < self.durable.committed && !self.holds_apply {
            let next = self.applied + 1;
            let Some(command) = self.durable.log.get(next).cloned() else {
                return;
            };
            self.applied = next;
            if let Command::Advance(payload) = command {
                let leads = matches!(self.role, Role::Leader(_));
                let outcome = self.rules.apply(payload, &mut self.state, leads);
                self.settle_command(next, outcome);
            }
        }
    }

    fn take_snapshot(&mut self) {
        let leads = matches!(self.role, Role::Leader(_));
        let log = &mut self.durable.log;
        log.take_snapshot(self.applied, &self.rules, leads);
    }

    /// Tells whoever waits for the command at `index` what came of it.
    fn settle_command(&mut self, index: u64, outcome: Result<u64, Superseded>) {
        let Role::Leader(leadership) = &mut self.role else {
            return;
        };
        let settled = leadership.commands.remove(&index);
        for reply in settled.into_iter().flatten() {
            let outcome = outcome.map_err(ConsensusError::from);
            self.effects.answers.push(Box::new(move || reply(outcome)));
        }
    }

    pub(super) fn leader_is_another(&self) -> bool {
        matches!(self.role, Role::Follower)
    }

    /// What the node shows of its leadership.
    pub(super) fn shown(&self) -> LeaderState {
        match &self.role {
            Role::Leader(leadership) => match &leadership.shown {
                Some(lease) => LeaderState::Leader {
                    epoch: leadership.ballot.epoch(),
                    lease: lease.clone(),
                },
                None => LeaderState::Candidate,
            },
            Role::Candidate(_) => LeaderState::Candidate,
            Role::Follower => LeaderState::Follower {
                leader: self.hint.clone(),
            },
        }
    }

    pub(super) fn not_leader(&self) -> ConsensusError {
        if !self.rules.refuses_as_not_leader {
            return ConsensusError::transient("another node leads");
        }
        let leader = match &self.role {
            Role::Follower => self.hint.clone(),
            _ => None,
        };
        ConsensusError::NotLeader { leader }
    }

    fn is_stranger(&self, node: NodeId, store: StoreId) -> bool {
        let known = self.durable.log.store_of(node);
        self.rules.checks_stores && known.is_some_and(|(known, _)| known != store)
    }

    pub(super) fn send(&mut self, to: NodeId, message: Message) {
        self.effects.send.push((to, message));
    }

    pub(super) fn answer<T: Send + 'static>(&mut self, reply: oneshot::Sender<T>, answer: T) {
        // Whoever asked may have gone.
        let answer = move || drop(reply.send(answer));
        self.effects.answers.push(Box::new(answer));
    }

    /// The other voters.
    pub(super) fn peers(&self) -> Vec<NodeId> {
        let members = self.durable.log.members().iter();
        let peers = members.map(|member| member.node);
        peers.filter(|node| *node != self.me).collect()
    }

    /// Stops leading or asking to.
    pub(super) fn step_down(&mut self) {
        let role = std::mem::replace(&mut self.role, Role::Follower);
        self.hint = None;
        if let Role::Leader(leadership) = role {
            leadership.end(&self.rules, &mut self.effects);
        }
    }
}
