//! Rounds of heartbeats, and what the engine is told so that one node campaigns at a time.
//!
//! The engine looks at the replies of a round at its end, when they are as old as the round. Of two
//! nodes that miss a leader, each would campaign without knowing of the other, and the second would
//! unseat the first.

use omnipaxos::messages::Message;
use omnipaxos::messages::ballot_leader_election::{BLEMessage, HeartbeatMsg, HeartbeatReply};
use omnipaxos::storage::Entry;

use super::engine::Engine;
use crate::ballot::nobody;
use crate::storage::SyncedStorage;
use crate::{GroupEntry, PaxosBallot};

/// Where the engine's clock of elections stands.
#[derive(Debug)]
pub(super) struct Rounds {
    /// The round that the engine has asked for last.
    newest: u32,
    ticks: u64,
    ticks_max: u64,
    /// Up to this round a quorum that has just elected this node counts as connected to it.
    elected_until: u32,
    /// A round of a lease was granted since the last round of heartbeats ended.
    granted: bool,
}

impl Rounds {
    pub(super) fn new(ticks_max: u64) -> Self {
        Self {
            newest: 0,
            ticks: 0,
            ticks_max,
            elected_until: 0,
            granted: false,
        }
    }

    /// A quorum has elected this node in the present round.
    pub(super) fn elected(&mut self) {
        self.elected_until = self.newest.saturating_add(1);
    }

    pub(super) fn asked<T: Entry>(&mut self, message: &Message<T>) {
        if let Message::BLE(ble) = message
            && let HeartbeatMsg::Request(request) = &ble.msg
        {
            self.newest = request.round;
        }
    }

    pub(super) fn granted(&mut self) {
        self.granted = true;
    }

    /// Whether the next tick ends a round; asked before each.
    fn ends(&mut self) -> bool {
        self.ticks += 1;
        let ends = self.ticks == self.ticks_max;
        if ends {
            self.ticks = 0;
        }
        ends
    }
}

impl<T: GroupEntry, S: SyncedStorage<T>> Engine<T, S> {
    /// A campaign counts as a heartbeat of its owner.
    pub(super) fn heard_campaign(&mut self, from: u64, ballot: PaxosBallot) {
        if Some(ballot) > self.promise {
            self.reply(from, ballot);
        }
    }

    /// A heartbeat of this node names the ballot that it campaigns with, and is happy while the quorum
    /// that elected it is news. The engine's election learns of a campaign that it did not begin
    /// itself at the end of a round, and of its followers at the end of the next one; until then its
    /// heartbeats would ask for another leader. One that knows of a higher ballot says so itself.
    pub(super) fn own_up(&self, message: &mut Message<T>) {
        let own = self.promise.filter(|own| own.pid == self.me);
        let Some(own) = own.filter(|own| self.recovered != Some(*own)) else {
            return;
        };
        if let Message::BLE(ble) = message
            && let HeartbeatMsg::Reply(reply) = &mut ble.msg
            && PaxosBallot::from(reply.leader) <= own
            && (reply.ballot != own.into() || self.rounds.newest <= self.rounds.elected_until)
        {
            reply.ballot = own.into();
            reply.leader = own.into();
            reply.happy = true;
        }
    }

    /// One tick of the engine's clocks.
    pub(super) fn tick(&mut self) {
        if self.rounds.ends() {
            let granted = std::mem::take(&mut self.rounds.granted);
            if !granted && self.withholds() {
                self.wait_a_round();
            }
            self.take_back_in();
        }
        self.paxos.tick();
    }

    /// Whether a campaign of this node would be held back by a promise to somebody else. If that
    /// promise is not renewed, its end is near, and a campaign can as well begin then: until it
    /// leaves nobody hears of it, and this node refuses whoever campaigns below it.
    fn withholds(&self) -> bool {
        let Some(promise) = self.promise else {
            return false;
        };
        if promise.pid == self.me && self.recovered != Some(promise) {
            return false;
        }
        let next = PaxosBallot {
            n: promise.n.saturating_add(1),
            pid: self.me,
            ..promise
        };
        self.keeper
            .as_ref()
            .is_some_and(|keeper| keeper.withholds(next))
    }

    /// Keeps the engine from campaigning at the end of this round, by the heartbeat of a node that is
    /// happy with nobody. What the engine thinks of its leader, and tells others, stays as it is.
    fn wait_a_round(&mut self) {
        if let Some(peer) = self.peers.first() {
            self.reply(*peer, nobody(self.configuration).into());
        }
    }

    fn reply(&mut self, from: u64, ballot: PaxosBallot) {
        let reply = HeartbeatReply {
            round: self.rounds.newest,
            ballot: ballot.into(),
            leader: ballot.into(),
            happy: true,
        };
        self.paxos.handle_incoming(Message::BLE(BLEMessage {
            from,
            to: self.me,
            msg: HeartbeatMsg::Reply(reply),
        }));
    }
}
