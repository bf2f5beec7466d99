//! Members that nobody leads: they have promised a ballot that its owner, who has stopped since,
//! will never lead under, and refuse the leader of the others, whose ballot is lower.
//!
//! The engine leaves them so until that leader has no quorum any more, one node short until then.
//! Here the leader finds out by their heartbeats, and campaigns above their promise.

use std::collections::BTreeMap;

use omnipaxos::messages::Message;
use omnipaxos::messages::ballot_leader_election::HeartbeatMsg;

use super::engine::Engine;
use crate::storage::{StorageControl, SyncedStorage};
use crate::{GroupEntry, PaxosBallot};

/// So many rounds in a row: in a single one, a campaign may be under way.
const ROUNDS: u32 = 2;
/// Each campaign of this node goes one number up.
const MOST_CAMPAIGNS: u32 = 64;

/// What the members say of their leader in this round of heartbeats.
#[derive(Debug, Default)]
pub(super) struct Stranded {
    replies: BTreeMap<u64, Reply>,
    /// In how many rounds before this one somebody was.
    rounds: u32,
}

#[derive(Clone, Copy, Debug)]
struct Reply {
    leader: PaxosBallot,
    happy: bool,
}

impl Stranded {
    fn heard<T: GroupEntry>(&mut self, from: u64, message: &Message<T>) {
        if let Message::BLE(ble) = message
            && let HeartbeatMsg::Reply(reply) = &ble.msg
        {
            let leader = reply.leader.into();
            let happy = reply.happy;
            self.replies.insert(from, Reply { leader, happy });
        }
    }

    /// Ends a round of a node that leads a group of so many: the ballot above which it has to
    /// campaign, if a quorum follows it and somebody has waited for long enough.
    fn end_round(&mut self, leads: Option<PaxosBallot>, members: usize) -> Option<PaxosBallot> {
        let replies = std::mem::take(&mut self.replies);
        let above = leads.and_then(|own| {
            let (following, refusing): (Vec<&Reply>, Vec<&Reply>) =
                replies.values().partition(|reply| reply.leader <= own);
            let unhappy = refusing.into_iter().filter(|reply| !reply.happy);
            let highest = unhappy.map(|reply| reply.leader).max();
            highest.filter(|_| (following.len() + 1) * 2 > members)
        });
        self.rounds = above.map_or(0, |_| self.rounds + 1);
        above.filter(|_| self.rounds >= ROUNDS)
    }
}

impl<T: GroupEntry, S: SyncedStorage<T>> Engine<T, S> {
    pub(super) fn heard_reply(&mut self, from: u64, message: &Message<T>) {
        self.stranded.heard(from, message);
    }

    /// Takes stranded members back in, at the end of a round of heartbeats. The lease ends before, so
    /// that nobody has to wait for it.
    pub(super) fn take_back_in(&mut self) {
        let leads = self.leads();
        let above = self.stranded.end_round(leads, self.peers.len() + 1);
        let Some(above) = above else {
            return;
        };
        if self.handoff.is_some() || self.control.has_stopsign() {
            return;
        }
        tracing::info!("campaigns above {above}, which a member has promised in vain");
        self.end_lease();
        for _ in 0..MOST_CAMPAIGNS {
            if self.promise > Some(above) {
                break;
            }
            self.campaign();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ballot(n: u32, pid: u64) -> PaxosBallot {
        PaxosBallot {
            configuration: 1,
            n,
            priority: 0,
            pid,
        }
    }

    /// Rounds of the same replies, (from, leader, happy), to a leader at (3, 1) of five.
    fn rounds(replies: &[(u64, PaxosBallot, bool)]) -> [Option<PaxosBallot>; 2] {
        let mut stranded = Stranded::default();
        [(); 2].map(|()| {
            for (from, leader, happy) in replies.iter().copied() {
                stranded.replies.insert(from, Reply { leader, happy });
            }
            stranded.end_round(Some(ballot(3, 1)), 5)
        })
    }

    #[test]
    fn only_an_unhappy_member_above_a_leader_with_a_quorum_is_stranded() {
        let own = ballot(3, 1);
        let above = ballot(4, 2);
        let following = [(4, own, true), (5, own, true)];
        let with = |reply| rounds(&[following[0], following[1], reply]);
        assert_eq!(with((2, above, false)), [None, Some(above)]);
        assert_eq!(with((2, above, true)), [None, None]);
        assert_eq!(with((2, ballot(2, 5), false)), [None, None]);
        let no_quorum = [(2, above, false), (3, above, false), following[0]];
        assert_eq!(rounds(&no_quorum), [None, None]);
    }

    #[test]
    fn a_round_without_a_stranded_member_begins_anew() {
        let mut stranded = Stranded::default();
        for round in 0..4 {
            for from in 2..=3 {
                let leader = ballot(3, 1);
                stranded.replies.insert(
                    from,
                    Reply {
                        leader,
                        happy: true,
                    },
                );
            }
            if round != 1 {
                let leader = ballot(4, 4);
                let happy = false;
                stranded.replies.insert(4, Reply { leader, happy });
            }
            let due = stranded.end_round(Some(ballot(3, 1)), 5);
            assert_eq!(due.is_some(), round == 3, "round {round}");
        }
        assert_eq!(stranded.end_round(None, 5), None);
    }
}
