//! What a leader knows about its lease, and when it ends, rule by rule.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{at, ballot, node, promised, quorum, round, start, voters};
use tsoracle_lease::{
    ChangeRefused, Gate, Grant, LeadError, LeaseMessage, Quorum, Release, Voters,
};

const HELD: fn(u64) -> Gate = |until| Gate::Hold { until: at(until) };

#[test]
fn a_lease_runs_from_the_sending_of_the_newest_round_that_a_quorum_granted() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1, 2, 3, 4, 5])).unwrap();
    assert_eq!(leader.next_round(), Some(at(0)));
    for (number, sent) in [(1, 10), (2, 40), (3, 70)] {
        let sent_round = leader.round(at(sent)).unwrap();
        assert_eq!(sent_round, round(b, number));
    }
    assert_eq!(leader.next_round(), Some(at(100)));
    let grant = |round| Grant { ballot: b, round };
    assert_eq!(leader.granted(node(2), &grant(3)), None);
    assert_eq!(leader.granted(node(3), &grant(1)), Some(at(10 + 90)));
    assert_eq!(leader.granted(node(3), &grant(2)), Some(at(40 + 90)));
    assert_eq!(leader.granted(node(3), &grant(1)), Some(at(40 + 90)));
    assert_eq!(leader.confirmed(), Some(2));
    assert!(leader.is_valid_at(at(129)) && !leader.is_valid_at(at(130)));
}

#[test]
fn grants_that_nobody_asked_for_count_for_nothing() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1, 2, 3])).unwrap();
    leader.round(at(10)).unwrap();
    let unasked = [
        (2, 1, ballot(1, 2)),
        (2, 2, b),
        (2, 0, b),
        (2, u64::MAX, b),
        (4, 1, b),
    ];
    for (from, round, ballot) in unasked {
        let grant = Grant { ballot, round };
        assert_eq!(
            leader.granted(node(from), &grant),
            None,
            "{grant:?} from {from}"
        );
    }
    // A round whose lease would be over is forgotten.
    leader.round(at(100)).unwrap();
    assert_eq!(
        leader.granted(
            node(2),
            &Grant {
                ballot: b,
                round: 1
            }
        ),
        None
    );
}

#[test]
fn the_leaders_own_grant_binds_its_node() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1, 2, 3])).unwrap();
    leader.round(at(10)).unwrap();
    assert_eq!(leader.admit(ballot(2, 3), at(20)), HELD(110));
    // It no longer counts itself, and others carry the lease on.
    leader.round(at(40)).unwrap();
    assert_eq!(
        leader.granted(
            node(2),
            &Grant {
                ballot: b,
                round: 2
            }
        ),
        Some(at(100))
    );
    assert_eq!(
        leader.granted(
            node(3),
            &Grant {
                ballot: b,
                round: 2
            }
        ),
        Some(at(130))
    );
    // Or it ends its lease, and lets in what waits.
    assert_eq!(
        leader.end(),
        Some(Release {
            ballot: b,
            round: 2
        })
    );
    assert_eq!(leader.admit(ballot(2, 3), at(50)), Gate::Pass);
}

#[test]
fn an_ended_lease_does_not_return_under_its_ballot() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1])).unwrap();
    leader.round(at(10)).unwrap();
    assert!(leader.is_valid_at(at(99)));
    assert!(leader.end().is_some() && leader.end().is_none());
    assert_eq!((leader.deadline(), leader.round(at(20))), (None, None));
    assert_eq!(leader.lead(b, voters(&[1])), Err(LeadError::Ended));
    leader.promised(ballot(2, 1));
    assert_eq!(leader.lead(ballot(2, 1), voters(&[1])), Ok(()));
}

#[test]
fn a_ballot_from_before_a_restart_gets_no_lease() {
    let b = ballot(1, 1);
    let mut leader = start(1, Some(b), 1000);
    assert_eq!(leader.lead(b, voters(&[1, 2, 3])), Err(LeadError::Ended));
}

#[test]
fn a_lapsed_lease_returns_if_nobody_led_in_between() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1, 2, 3])).unwrap();
    leader.round(at(0)).unwrap();
    leader.granted(
        node(2),
        &Grant {
            ballot: b,
            round: 1,
        },
    );
    assert!(!leader.is_valid_at(at(500)));
    leader.round(at(500)).unwrap();
    leader.granted(
        node(2),
        &Grant {
            ballot: b,
            round: 2,
        },
    );
    assert!(leader.is_valid_at(at(501)));
    leader.promised(ballot(2, 3));
    assert_eq!(
        (leader.ballot(), leader.deadline(), leader.next_round()),
        (None, None, None)
    );
}

#[test]
fn only_its_owner_leads_under_a_ballot_that_it_promised() {
    let b = ballot(1, 1);
    let owner = node(1);
    let not_owner = promised(2, b).lead(b, voters(&[1, 2]));
    assert_eq!(not_owner, Err(LeadError::NotOwner { owner }));
    let promise = Some(ballot(2, 2));
    let overtaken = promised(1, ballot(2, 2)).lead(b, voters(&[1, 2]));
    assert_eq!(overtaken, Err(LeadError::NotPromised { promise }));
    assert_eq!(
        promised(1, b).lead(b, voters(&[2, 3])),
        Err(LeadError::NotVoter)
    );
}

#[test]
fn a_sole_voter_holds_its_lease_by_its_own_rounds() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1])).unwrap();
    for now in [0, 30, 60, 90, 120] {
        assert!(leader.next_round() <= Some(at(now)));
        leader.round(at(now)).unwrap();
        assert_eq!(leader.deadline(), Some(at(now + 90)));
    }
    assert_eq!(leader.admit(ballot(2, 2), at(121)), HELD(220));
}

#[test]
fn a_change_of_voters_waits_until_the_new_set_carries_the_lease() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1, 2, 3])).unwrap();
    leader.round(at(0)).unwrap();
    let grant = |round| Grant { ballot: b, round };
    assert_eq!(leader.granted(node(2), &grant(1)), Some(at(90)));
    let to = quorum(&[1, 3, 4]);
    assert!(!leader.change_covered(&to, at(500)));
    leader.begin_change(to.clone()).unwrap();
    assert_eq!(leader.next_round(), Some(at(0)));
    leader.round(at(10)).unwrap();
    assert_eq!(leader.granted(node(2), &grant(2)), Some(at(90)));
    assert!(!leader.change_covered(&to, at(89)) && leader.change_covered(&to, at(90)));
    assert_eq!(leader.granted(node(4), &grant(2)), Some(at(100)));
    assert!(leader.change_covered(&to, at(20)));
    leader.set_voters(voters(&[1, 3, 4])).unwrap();
    leader.round(at(30)).unwrap();
    assert_eq!(leader.granted(node(2), &grant(3)), Some(at(100)));
    assert_eq!(leader.granted(node(4), &grant(3)), Some(at(120)));
}

#[test]
fn a_change_that_would_break_the_lease_is_refused() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    assert_eq!(
        leader.begin_change(quorum(&[1, 2])),
        Err(ChangeRefused::NotLeading)
    );
    leader.lead(b, voters(&[1, 2, 3])).unwrap();
    assert_eq!(
        leader.begin_change(quorum(&[2])),
        Err(ChangeRefused::SingleOther)
    );
    assert_eq!(leader.begin_change(quorum(&[1])), Ok(()));
    let leaves = quorum(&[2, 3, 4]);
    assert_eq!(
        leader.begin_change(leaves.clone()),
        Err(ChangeRefused::LeaderLeaves)
    );
    assert_eq!(leader.set_voters(voters(&[2, 3])), Err(LeadError::NotVoter));
    leader.end().unwrap();
    assert_eq!(leader.begin_change(leaves.clone()), Ok(()));
    assert_eq!(
        leader.begin_change(quorum(&[2])),
        Err(ChangeRefused::SingleOther)
    );
    assert!(leader.change_covered(&leaves, at(0)));
    leader.promised(ballot(2, 1));
    assert!(!leader.change_covered(&leaves, at(0)));
    // A leader that never had a lease says so.
    assert_eq!(leader.end(), None);
    assert!(leader.change_covered(&leaves, at(0)));
    assert_eq!(
        leader.lead(ballot(2, 1), voters(&[1])),
        Err(LeadError::Ended)
    );
}

#[test]
fn without_voters_there_is_no_lease() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, Voters::joint([])).unwrap();
    leader.round(at(0)).unwrap();
    assert_eq!(leader.deadline(), None);
}

#[test]
fn a_flexible_write_quorum_is_enough() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    let two_of_five = Quorum::flexible((1..=5).map(node), 2).unwrap();
    leader.lead(b, Voters::uniform(two_of_five)).unwrap();
    leader.round(at(0)).unwrap();
    assert_eq!(
        leader.granted(
            node(5),
            &Grant {
                ballot: b,
                round: 1
            }
        ),
        Some(at(90))
    );
}

#[test]
fn extreme_readings_do_not_panic() {
    let b = ballot(1, 1);
    let mut leader = promised(1, b);
    leader.lead(b, voters(&[1])).unwrap();
    for now in [u64::MAX, 0, u64::MAX - 1] {
        leader.round(at(now)).unwrap();
        let _ = leader.admit(ballot(9, 9), at(now));
    }
    for now in 0..5000 {
        leader.round(at(now)).unwrap();
    }
}

#[test]
fn the_messages_survive_their_format() {
    let b = ballot(7, 2);
    let messages = [
        LeaseMessage::Round(round(b, 3)),
        LeaseMessage::Grant(Grant {
            ballot: b,
            round: 3,
        }),
        LeaseMessage::Release(Release {
            ballot: b,
            round: u64::MAX,
        }),
    ];
    for message in messages {
        let bytes = postcard::to_stdvec(&message).unwrap();
        assert_eq!(postcard::from_bytes::<LeaseMessage<_>>(&bytes), Ok(message));
    }
}
