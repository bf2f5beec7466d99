//! The engine's thread: one turn after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omnipaxos::OmniPaxos;
use omnipaxos::messages::Message;
use tokio::sync::watch;
use tsoracle_lease::LeaseMessage;

use super::gate::Held;
use super::handle::Shared;
use super::handoff::Handoff;
use super::outbound::Outbound;
use super::pending::Pending;
use super::rounds::Rounds;
use super::stranded::Stranded;
use super::{Limits, RunnerSettings};
use crate::ballot::promised;
use crate::inbox::Input;
use crate::lease::Keeper;
use crate::storage::{StorageControl, StorageError, SyncedStorage, Written};
use crate::{Apply, Body, GroupEntry, Handle, Leadership, MessageSink, PaxosBallot};

/// The longest that the thread sleeps without a reason to wake.
const IDLE: Duration = Duration::from_secs(60);

/// OmniPaxos and everything that is driven with it.
pub(super) struct Engine<T: GroupEntry, S: SyncedStorage<T>> {
    pub(super) me: u64,
    pub(super) configuration: u32,
    pub(super) peers: Vec<u64>,
    pub(super) limits: Limits,
    pub(super) paxos: OmniPaxos<T, S>,
    pub(super) control: S::Control,
    pub(super) apply: Box<dyn Apply<T>>,
    pub(super) shared: Arc<Shared<T>>,
    pub(super) leadership: watch::Sender<Leadership>,
    pub(super) keeper: Option<Keeper>,
    pub(super) held: Held<T>,
    pub(super) outbound: Outbound<T>,
    pub(super) pending: Pending,
    pub(super) handoff: Option<Handoff>,
    pub(super) rounds: Rounds,
    pub(super) stranded: Stranded,
    /// The engine's promise, as the lease knows it.
    pub(super) promise: Option<PaxosBallot>,
    /// The promise of before this life.
    pub(super) recovered: Option<PaxosBallot>,
    founds: bool,
    /// How many entries the service was shown.
    pub(super) shown: usize,
    /// What is decided is not shown to the service.
    pub(super) withheld: bool,
    /// The storage failed by itself.
    pub(super) broken: Option<StorageError>,
    /// There is something to do that no input announces.
    pub(super) again: bool,
    pub(super) every: Duration,
    pub(super) next_tick: Instant,
    sink: Box<dyn MessageSink<T>>,
    inputs: Vec<Input<T>>,
    messages: Vec<Message<T>>,
    closing: bool,
}

/// What an engine is made of.
pub(super) struct Parts<'a, T: GroupEntry, S: SyncedStorage<T>> {
    pub(super) settings: &'a RunnerSettings,
    pub(super) paxos: OmniPaxos<T, S>,
    pub(super) control: S::Control,
    pub(super) sink: Box<dyn MessageSink<T>>,
    pub(super) apply: Box<dyn Apply<T>>,
    pub(super) shared: Arc<Shared<T>>,
    pub(super) leadership: watch::Sender<Leadership>,
    pub(super) keeper: Option<Keeper>,
    pub(super) recovered: Option<PaxosBallot>,
}

impl<T: GroupEntry, S: SyncedStorage<T>> Engine<T, S> {
    pub(super) fn new(parts: Parts<'_, T, S>) -> Self {
        let settings = parts.settings;
        let mut peers = settings.members.pids();
        peers.remove(&settings.pid);
        Self {
            me: settings.pid,
            configuration: settings.members.configuration,
            peers: peers.into_iter().collect(),
            limits: settings.limits,
            paxos: parts.paxos,
            control: parts.control,
            apply: parts.apply,
            shared: parts.shared,
            leadership: parts.leadership,
            keeper: parts.keeper,
            held: Held::default(),
            outbound: Outbound::new(settings.members.configuration),
            pending: Pending::default(),
            handoff: None,
            rounds: Rounds::new(settings.times.election_ticks),
            stranded: Stranded::default(),
            promise: parts.recovered,
            recovered: parts.recovered,
            founds: settings.founds,
            shown: settings.applied,
            withheld: false,
            broken: None,
            again: true,
            every: settings.times.tick,
            next_tick: Instant::now() + settings.times.tick,
            sink: parts.sink,
            inputs: Vec::new(),
            messages: Vec::new(),
            closing: false,
        }
    }

    pub(super) fn begin(&mut self, handle: Handle<T>) {
        self.apply.begin(handle);
        if self.founds && self.recovered.is_none() {
            self.campaign();
        }
    }

    /// Runs until it is closed, or the storage fails.
    pub(super) fn run(&mut self) -> Result<(), StorageError> {
        while !self.closing {
            let wait = self.wait();
            let mut inputs = std::mem::take(&mut self.inputs);
            self.shared.inbound.inbox().take(&mut inputs, wait);
            for input in inputs.drain(..) {
                self.handle(input);
            }
            self.inputs = inputs;
            if let Some(failure) = self.broken.take() {
                return Err(failure);
            }
            self.on_time();
            self.turn()?;
        }
        self.end_lease();
        self.outbound.send_all(&mut *self.sink);
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    /// The lease ends, and nobody is sent anything.
    pub(super) fn end_lease_silently(&mut self) {
        self.keeper = None;
    }

    /// Writes what the inputs changed, sends, syncs, and tells. No input is handled meanwhile: the
    /// engine has counted its own acceptance already.
    fn turn(&mut self) -> Result<(), StorageError> {
        self.collect();
        self.shared
            .progress
            .set_accepted(self.paxos.get_accepted_idx());
        if self.control.write()? == Written::NeedsSync {
            self.outbound.send_early(&mut *self.sink);
            self.control.sync()?;
        }
        self.outbound.send_all(&mut *self.sink);
        self.again = false;
        self.show();
        Ok(())
    }

    /// Takes what the engine wants to send. A Prepare passes the gate; what a follower would forward
    /// is never sent, since only the leader's own thread appends.
    fn collect(&mut self) {
        let mut messages = std::mem::take(&mut self.messages);
        self.paxos.take_outgoing_messages(&mut messages);
        for message in messages.drain(..) {
            self.route(message);
        }
        self.messages = messages;
    }

    /// What is due by a clock.
    fn on_time(&mut self) {
        let now = Instant::now();
        if now >= self.next_tick {
            self.next_tick = now + self.every;
            self.pending.forget_the_gone();
            self.tick();
            self.after_engine();
        }
        self.ask_due();
        if self.round_due().is_some_and(|due| due.is_zero())
            && let Some(keeper) = &mut self.keeper
            && let Some(round) = keeper.round()
        {
            self.broadcast(&round);
        }
    }

    fn wait(&self) -> Duration {
        if self.again || !self.outbound.is_empty() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let tick = Some(self.next_tick.saturating_duration_since(now));
        let handoff = self.handoff.as_ref().map(|handoff| handoff.left(now));
        let due = [tick, self.round_due(), self.held_due(), handoff];
        due.into_iter().flatten().min().unwrap_or(IDLE)
    }

    fn round_due(&self) -> Option<Duration> {
        self.keeper.as_ref()?.round_due()
    }

    /// The engine may have promised something: the lease learns of it before anybody else.
    pub(super) fn after_engine(&mut self) {
        let promise = promised(self.paxos.get_promise());
        if promise == self.promise {
            return;
        }
        self.promise = promise;
        if let Some(promise) = promise {
            tracing::debug!(node = self.me, "promises {promise}");
        }
        if let (Some(keeper), Some(promise)) = (&mut self.keeper, promise) {
            keeper.promised(promise);
        }
    }

    /// Campaigns with a ballot above every one that this node knows.
    pub(super) fn campaign(&mut self) {
        self.paxos.try_become_leader();
        self.after_engine();
        self.again = true;
    }

    /// Ends the lease of this leadership for good, and releases those who granted it.
    pub(super) fn end_lease(&mut self) {
        let release = self.keeper.as_mut().and_then(Keeper::end);
        if let Some(release) = release {
            self.broadcast(&LeaseMessage::Release(release));
        }
        self.ask_all_held();
    }

    pub(super) fn broadcast(&mut self, message: &LeaseMessage<PaxosBallot>) {
        for peer in &self.peers {
            self.outbound.push(*peer, Body::Lease(*message));
        }
    }

    /// The ballot that this node leads under, in the accept phase.
    pub(super) fn leads(&self) -> Option<PaxosBallot> {
        let leads = self.paxos.get_current_leader() == Some((self.me, true));
        leads.then_some(self.promise).flatten()
    }
}
