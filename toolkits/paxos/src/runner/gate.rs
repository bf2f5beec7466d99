//! The gate that Prepare passes, on its way in and out.

use std::collections::BTreeMap;
use std::time::Duration;

use omnipaxos::messages::Message;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use tsoracle_lease::{Gate, Reading};

use super::engine::Engine;
use crate::storage::SyncedStorage;
use crate::{Body, GroupEntry, PaxosBallot};

/// Prepares that wait for the end of a grant: the last one of each peer, and the last one to each.
#[derive(Debug)]
pub(super) struct Held<T: GroupEntry> {
    incoming: BTreeMap<u64, Waiting<T>>,
    outgoing: BTreeMap<u64, Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T: GroupEntry> {
    ballot: PaxosBallot,
    message: Message<T>,
    until: Reading,
}

impl<T: GroupEntry> Default for Held<T> {
    fn default() -> Self {
        Self {
            incoming: BTreeMap::new(),
            outgoing: BTreeMap::new(),
        }
    }
}

impl<T: GroupEntry> Held<T> {
    pub(super) fn forget_from(&mut self, peer: u64) {
        self.incoming.remove(&peer);
    }

    fn first(&self) -> Option<Reading> {
        let all = self.incoming.values().chain(self.outgoing.values());
        all.map(|waiting| waiting.until).min()
    }
}

impl<T: GroupEntry, S: SyncedStorage<T>> Engine<T, S> {
    /// Hands another node's Prepare to the engine, or keeps it until the grants above which it lies
    /// have ended.
    pub(super) fn prepare_in(&mut self, from: u64, ballot: PaxosBallot, message: Message<T>) {
        self.heard_campaign(from, ballot);
        let gate = self.keeper.as_mut().map(|keeper| keeper.admit(ballot));
        if let Some(Gate::Hold { until }) = gate {
            tracing::debug!(from, "the Prepare of {ballot} is held");
            let waiting = Waiting {
                ballot,
                message,
                until,
            };
            self.held.incoming.insert(from, waiting);
            return;
        }
        self.held.incoming.remove(&from);
        self.paxos.handle_incoming(message);
        self.after_engine();
        let promise = self.promise.unwrap_or(ballot);
        if let Some(keeper) = &mut self.keeper {
            keeper.settle(ballot, promise);
        }
    }

    /// Queues what the engine wants to send, if it is to leave at all.
    pub(super) fn route(&mut self, mut message: Message<T>) {
        let to = message.get_receiver();
        self.rounds.asked(&message);
        self.own_up(&mut message);
        if let Message::SequencePaxos(paxos) = &message {
            match paxos.msg {
                PaxosMsg::Prepare(prepare) => {
                    self.prepare_out(to, prepare.n.into(), message);
                    return;
                }
                PaxosMsg::ProposalForward(_) | PaxosMsg::ForwardStopSign(_) => return,
                _ => {}
            }
        }
        self.outbound.push(to, Body::Engine(message));
    }

    /// Lets this node's own Prepare leave, or keeps it until its grants to others have ended.
    fn prepare_out(&mut self, to: u64, ballot: PaxosBallot, message: Message<T>) {
        if self.promise != Some(ballot) {
            return;
        }
        let gate = self.keeper.as_mut().map(|keeper| keeper.emit(ballot));
        if let Some(Gate::Hold { until }) = gate {
            tracing::debug!(to, "the own Prepare of {ballot} is held");
            let waiting = Waiting {
                ballot,
                message,
                until,
            };
            self.held.outgoing.insert(to, waiting);
            return;
        }
        self.held.outgoing.remove(&to);
        self.outbound.push(to, Body::Engine(message));
    }

    /// Asks again for what is held, whose time may have come.
    pub(super) fn ask_due(&mut self) {
        if self.held_due().is_some_and(|due| due.is_zero()) {
            self.ask_all_held();
        }
    }

    pub(super) fn ask_all_held(&mut self) {
        for (to, waiting) in std::mem::take(&mut self.held.outgoing) {
            self.prepare_out(to, waiting.ballot, waiting.message);
        }
        for (from, waiting) in std::mem::take(&mut self.held.incoming) {
            self.prepare_in(from, waiting.ballot, waiting.message);
        }
    }

    /// How long until something that is held may pass.
    pub(super) fn held_due(&self) -> Option<Duration> {
        let first = self.held.first()?;
        Some(self.keeper.as_ref()?.until(first))
    }
}
