//! Frames that wait for the sync of their turn.

use std::collections::BTreeSet;

use crate::{Body, Frame, GroupEntry, MessageSink};

/// What one turn sends, in order.
#[derive(Debug)]
pub(super) struct Outbound<T: GroupEntry> {
    configuration: u32,
    queue: Vec<(u64, Body<T>)>,
}

impl<T: GroupEntry> Outbound<T> {
    pub(super) fn new(configuration: u32) -> Self {
        let queue = Vec::new();
        Self {
            configuration,
            queue,
        }
    }

    pub(super) fn push(&mut self, to: u64, body: Body<T>) {
        self.queue.push((to, body));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends what may leave before the sync. To each peer order is kept: the first frame that must
    /// wait holds those behind it.
    pub(super) fn send_early(&mut self, sink: &mut dyn MessageSink<T>) {
        let mut waits = BTreeSet::new();
        let mut later = Vec::new();
        for (to, body) in self.queue.drain(..) {
            if body.may_leave_early() && !waits.contains(&to) {
                send(sink, self.configuration, to, body);
            } else {
                waits.insert(to);
                later.push((to, body));
            }
        }
        self.queue = later;
    }

    pub(super) fn send_all(&mut self, sink: &mut dyn MessageSink<T>) {
        for (to, body) in self.queue.drain(..) {
            send(sink, self.configuration, to, body);
        }
    }
}

fn send<T: GroupEntry>(sink: &mut dyn MessageSink<T>, configuration: u32, to: u64, body: Body<T>) {
    let frame = Frame {
        configuration,
        body,
    };
    sink.send(to, frame);
}

#[cfg(test)]
mod tests {
    use omnipaxos::ballot_leader_election::Ballot;
    use omnipaxos::messages::Message;
    use omnipaxos::messages::sequence_paxos::{
        Accepted, Decide, PaxosMessage, PaxosMsg, PrepareReq,
    };
    use omnipaxos::storage::{Entry, NoSnapshot};
    use omnipaxos::util::SequenceNumber;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::RequestId;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Nothing;

    impl Entry for Nothing {
        type Snapshot = NoSnapshot;
    }

    impl GroupEntry for Nothing {
        fn request(&self) -> Option<RequestId> {
            None
        }
    }

    /// Notes to whom frames leave, and whether they might have left early.
    #[derive(Debug, Default)]
    struct Sent(Vec<(u64, bool)>);

    impl MessageSink<Nothing> for Sent {
        fn send(&mut self, to: u64, frame: Frame<Nothing>) {
            self.0.push((to, frame.body.may_leave_early()));
        }
    }

    fn to(to: u64, msg: PaxosMsg<Nothing>) -> (u64, Body<Nothing>) {
        let message = PaxosMessage { from: 1, to, msg };
        (to, Body::Engine(Message::SequencePaxos(message)))
    }

    #[test]
    fn the_first_frame_that_must_wait_holds_those_behind_it() {
        let n = Ballot::with(1, 1, 0, 1);
        let accepted = PaxosMsg::Accepted(Accepted { n, accepted_idx: 1 });
        let decide = PaxosMsg::Decide(Decide {
            n,
            seq_num: SequenceNumber::default(),
            decided_idx: 1,
        });
        let ask = PaxosMsg::PrepareReq(PrepareReq { n });
        let mut outbound = Outbound::new(1);
        let queue = [
            to(2, decide.clone()),
            to(2, accepted.clone()),
            to(2, ask.clone()),
            to(3, ask),
            to(3, decide),
            to(3, accepted),
        ];
        for (to, body) in queue {
            outbound.push(to, body);
        }
        let mut sent = Sent::default();
        outbound.send_early(&mut sent);
        assert_eq!(sent.0, [(2, true), (3, true), (3, true)]);
        sent.0.clear();
        outbound.send_all(&mut sent);
        assert_eq!(sent.0, [(2, false), (2, true), (3, false)]);
        assert!(outbound.is_empty());
    }
}
