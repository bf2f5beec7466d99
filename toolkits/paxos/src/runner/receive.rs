//! Inputs, one by one.

use omnipaxos::CompactionErr;
use omnipaxos::messages::Message;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use omnipaxos::storage::Snapshot;
use tsoracle_lease::{LeaseMessage, NodeId};

use super::engine::Engine;
use super::whole::make_whole;
use super::{Append, AppendError, Command, CompactError, ProveError, ReconfigureError};
use crate::inbox::Input;
use crate::storage::{StorageControl, SyncedStorage};
use crate::{Body, Frame, GroupEntry, Members, PaxosBallot};

impl<T: GroupEntry, S: SyncedStorage<T>> Engine<T, S> {
    pub(super) fn handle(&mut self, input: Input<T>) {
        match input {
            Input::Frame { from, frame } => self.receive(from, frame),
            Input::Reconnected(peer) => self.reconnected(peer),
            Input::Append {
                append,
                place: _place,
            } => self.append(append),
            Input::Command {
                command,
                place: _place,
            } => self.command(command),
            Input::Campaign => self.campaign(),
            #[cfg(feature = "test-fakes")]
            Input::SetTick(tick) => {
                self.every = tick;
                self.next_tick = std::time::Instant::now() + tick;
            }
            Input::Room => {}
            Input::Failed(failure) => self.broken = Some(failure),
            Input::Close => self.close(),
        }
    }

    /// Only members of this configuration are heard: the engine has no place for others.
    fn receive(&mut self, from: u64, frame: Frame<T>) {
        if frame.configuration != self.configuration || !self.peers.contains(&from) {
            tracing::debug!(from, "a frame of another configuration is dropped");
            return;
        }
        match frame.body {
            Body::Engine(message) => self.receive_message(from, message),
            Body::Lease(message) => self.receive_lease(from, message),
            Body::TakeOver(ballot) => self.take_over(from, ballot),
        }
    }

    fn receive_message(&mut self, from: u64, mut message: Message<T>) {
        if message.get_sender() != from || message.get_receiver() != self.me {
            tracing::warn!(from, "a message in another's name is dropped");
            return;
        }
        if let Message::SequencePaxos(paxos) = &message {
            match paxos.msg {
                PaxosMsg::Prepare(prepare) => {
                    self.prepare_in(from, prepare.n.into(), message);
                    return;
                }
                PaxosMsg::ProposalForward(_) | PaxosMsg::ForwardStopSign(_) => {
                    tracing::debug!(from, "a forwarded proposal is dropped");
                    return;
                }
                _ => {}
            }
        }
        self.heard_reply(from, &message);
        make_whole(&self.paxos, &mut message);
        self.paxos.handle_incoming(message);
        self.after_engine();
    }

    fn receive_lease(&mut self, from: u64, message: LeaseMessage<PaxosBallot>) {
        let releases = matches!(message, LeaseMessage::Release(_));
        let reply = self
            .keeper
            .as_mut()
            .and_then(|keeper| keeper.receive(from, message));
        if let Some(reply) = reply {
            self.rounds.granted();
            self.outbound.push(from, Body::Lease(reply));
        }
        if releases {
            self.ask_all_held();
        }
    }

    /// What this peer sent in an earlier session is as good as lost, a Prepare that is held too.
    fn reconnected(&mut self, peer: u64) {
        if self.peers.contains(&peer) {
            self.held.forget_from(peer);
            self.paxos.reconnected(peer);
            self.after_engine();
        }
    }

    /// Appends if this node is, at this moment, the leader that the caller took it for, and the
    /// caller still waits.
    fn append(&mut self, append: Append<T>) {
        let Append {
            ballot,
            id,
            entry,
            answer,
        } = append;
        if answer.is_closed() {
            return;
        }
        let refusal = if self.leads() != Some(ballot) {
            AppendError::NotLeading {
                offered: ballot,
                current: self.now_leading(),
            }
        } else if let Some(handoff) = &self.handoff {
            AppendError::HandingOff { to: handoff.to }
        } else if self.undecided() >= self.limits.undecided {
            let undecided = self.limits.undecided;
            AppendError::NoQuorum { undecided }
        } else if self.paxos.append(entry).is_err() {
            AppendError::Reconfiguring
        } else {
            self.pending.add(ballot, id, answer);
            return;
        };
        let _ = answer.send(Err(refusal));
    }

    fn undecided(&self) -> usize {
        let decided = self.paxos.get_decided_idx();
        self.paxos.get_accepted_idx().saturating_sub(decided)
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Prove(proving) => match &mut self.keeper {
                None => drop(proving.send(Err(ProveError::NoLease))),
                Some(keeper) => {
                    if let Some(round) = keeper.prove(proving) {
                        self.broadcast(&round);
                    }
                }
            },
            Command::Snapshot { up_to, answer } => {
                let up_to = up_to.unwrap_or(self.shown);
                let _ = answer.send(self.snapshot(up_to));
            }
            Command::Trim { up_to, answer } => drop(answer.send(self.trim(up_to))),
            Command::HandOff { to, within, answer } => self.hand_off(to, within, answer),
            Command::Reconfigure {
                ballot,
                next,
                metadata,
                answer,
            } => drop(answer.send(self.reconfigure(ballot, &next, metadata))),
            Command::Hold { held, answer } => {
                self.withheld = held;
                let _ = answer.send(());
            }
        }
    }

    fn snapshot(&mut self, up_to: usize) -> Result<usize, CompactError> {
        if !T::Snapshot::use_snapshots() {
            return Err(CompactError::NoSnapshots);
        }
        let shown = self.shown;
        if up_to > shown {
            return Err(CompactError::NotShown { up_to, shown });
        }
        match self.paxos.snapshot(Some(up_to), true) {
            Ok(()) | Err(CompactionErr::TrimmedIndex(_)) => Ok(self.paxos.get_compacted_idx()),
            Err(_) => Err(CompactError::NotShown {
                up_to,
                shown: self.paxos.get_decided_idx(),
            }),
        }
    }

    fn trim(&mut self, up_to: usize) -> Result<usize, CompactError> {
        if T::Snapshot::use_snapshots() {
            return Err(CompactError::HasSnapshots);
        }
        let shown = self.shown;
        if up_to > shown {
            return Err(CompactError::NotShown { up_to, shown });
        }
        match self.paxos.trim(Some(up_to)) {
            Ok(()) => Ok(self.paxos.get_compacted_idx()),
            Err(CompactionErr::NotAllDecided(all_have)) => {
                Err(CompactError::NotEverywhere { up_to, all_have })
            }
            Err(_) => Err(CompactError::NotLeading),
        }
    }

    fn reconfigure(
        &mut self,
        ballot: PaxosBallot,
        next: &Members,
        metadata: Vec<u8>,
    ) -> Result<(), ReconfigureError> {
        next.check()?;
        let current = self.configuration;
        if Some(next.configuration) != current.checked_add(1) {
            return Err(ReconfigureError::Number {
                offered: next.configuration,
                current,
            });
        }
        if self.leads() != Some(ballot) || self.handoff.is_some() {
            return Err(ReconfigureError::NotLeading { offered: ballot });
        }
        if self.control.has_stopsign() {
            return Err(ReconfigureError::UnderWay);
        }
        self.end_lease();
        let proposed = self.paxos.reconfigure(next.engine(), Some(metadata));
        self.after_engine();
        proposed.map_err(|_| ReconfigureError::UnderWay)
    }

    /// The leader asks this node to campaign. It has released its lease before, on the same link.
    fn take_over(&mut self, from: u64, ballot: PaxosBallot) {
        use tsoracle_lease::Ballot;
        let promised = self.promise == Some(ballot) && ballot.owner() == NodeId(from);
        if promised && !self.control.has_stopsign() {
            tracing::info!("takes over from {ballot}");
            self.campaign();
        }
    }
}
