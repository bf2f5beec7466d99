//! What a node grants and what it holds back, rule by rule.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{at, ballot, nanos, node, promised, round, start, timing};
use tsoracle_lease::{Gate, LeaseNode, Refusal, Release, StartError, Stored};

const HELD: fn(u64) -> Gate = |until| Gate::Hold { until: at(until) };

#[test]
fn only_the_promised_ballot_is_granted() {
    let mut node = promised(2, ballot(2, 1));
    let promise = Some(ballot(2, 1));
    let refused = Err(Refusal::NotPromised { promise });
    assert_eq!(node.grant(&round(ballot(1, 3), 1), at(5)), refused);
    assert_eq!(node.grant(&round(ballot(2, 3), 1), at(5)), refused);
    assert!(node.grant(&round(ballot(2, 1), 1), at(5)).is_ok());
    let empty = start(2, None, 0).grant(&round(ballot(1, 1), 1), at(5));
    assert_eq!(empty, Err(Refusal::NotPromised { promise: None }));
}

#[test]
fn a_higher_ballot_waits_until_the_grant_ends() {
    let b = ballot(1, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(5)).unwrap();
    assert_eq!(node.admit(ballot(2, 3), at(6)), HELD(105));
    assert_eq!(node.admit(ballot(2, 3), at(104)), HELD(105));
    assert!(!node.admits_probe(ballot(2, 3), at(104)));
    assert!(node.admits_probe(ballot(2, 3), at(105)));
    assert_eq!(node.admit(ballot(2, 3), at(105)), Gate::Pass);
}

#[test]
fn what_is_not_above_the_promise_is_never_held() {
    let b = ballot(2, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(5)).unwrap();
    assert_eq!(node.admit(ballot(1, 3), at(6)), Gate::Pass);
    assert_eq!(node.admit(b, at(6)), Gate::Pass);
    assert!(node.grant(&round(b, 2), at(7)).is_ok());
}

#[test]
fn the_owner_of_a_grant_need_not_wait_for_it_but_others_do() {
    let (old, new) = (ballot(1, 1), ballot(2, 1));
    let mut node = promised(2, old);
    node.grant(&round(old, 1), at(5)).unwrap();
    assert_eq!(node.admit(new, at(6)), Gate::Pass);
    node.settle(new, new);
    assert_eq!(node.admit(ballot(3, 3), at(7)), HELD(105));
}

#[test]
fn own_requests_wait_whether_or_not_they_are_promised() {
    let b = ballot(1, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(5)).unwrap();
    node.promised(ballot(2, 2));
    assert_eq!(node.emit(ballot(2, 2), at(6)), HELD(105));
    assert!(node.grant(&round(b, 2), at(7)).is_err());
    assert_eq!(node.emit(ballot(2, 2), at(105)), Gate::Pass);
}

#[test]
fn nothing_lower_is_granted_while_something_waits_or_is_unsettled() {
    let (b, higher) = (ballot(1, 1), ballot(2, 3));
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(0)).unwrap();
    assert_eq!(node.admit(higher, at(10)), HELD(100));
    let waits = Err(Refusal::Waits { waiting: higher });
    assert_eq!(node.grant(&round(b, 2), at(20)), waits);
    assert_eq!(node.grant(&round(b, 2), at(150)), waits);
    assert_eq!(node.admit(higher, at(150)), Gate::Pass);
    let unsettled = Err(Refusal::Unsettled { passed: higher });
    assert_eq!(node.grant(&round(b, 2), at(160)), unsettled);
    // The engine refused it (an older log, say): the old leader goes on.
    node.settle(higher, b);
    assert!(node.grant(&round(b, 2), at(170)).is_ok());
}

#[test]
fn what_waited_and_never_came_back_is_forgotten() {
    let b = ballot(1, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(0)).unwrap();
    assert_eq!(node.admit(ballot(2, 3), at(10)), HELD(100));
    assert_eq!(node.admit(ballot(3, 3), at(50)), HELD(100));
    assert!(node.grant(&round(b, 2), at(199)).is_err());
    assert!(node.grant(&round(b, 3), at(200)).is_ok());
    // It starts to wait anew, and is not granted past again.
    assert_eq!(node.admit(ballot(3, 3), at(250)), HELD(300));
    assert!(node.grant(&round(b, 4), at(251)).is_err());
}

#[test]
fn the_new_leader_is_granted_although_a_lower_ballot_waited() {
    let b = ballot(1, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(0)).unwrap();
    assert_eq!(node.admit(ballot(2, 3), at(10)), HELD(100));
    node.promised(ballot(3, 1));
    assert!(node.grant(&round(ballot(3, 1), 1), at(20)).is_ok());
}

#[test]
fn the_highest_of_those_that_wait_has_its_turn() {
    let b = ballot(1, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(0)).unwrap();
    assert_eq!(node.admit(ballot(2, 3), at(10)), HELD(100));
    assert_eq!(node.admit(ballot(4, 4), at(20)), HELD(100));
    assert_eq!(node.admit(ballot(3, 5), at(30)), HELD(100));
    assert_eq!(node.admit(ballot(2, 3), at(100)), Gate::Pass);
    node.settle(ballot(2, 3), ballot(2, 3));
    let waiting = ballot(4, 4);
    let refused = Err(Refusal::Waits { waiting });
    assert_eq!(node.grant(&round(ballot(2, 3), 1), at(101)), refused);
    assert_eq!(node.admit(waiting, at(102)), Gate::Pass);
}

#[test]
fn a_shorter_grant_does_not_shorten_a_longer_one() {
    let b = ballot(1, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 1), at(0)).unwrap();
    let mut short = round(b, 2);
    short.lasts = nanos(10);
    node.grant(&short, at(20)).unwrap();
    assert_eq!(node.admit(ballot(2, 3), at(40)), HELD(100));
}

#[test]
fn a_release_voids_rounds_up_to_its_own() {
    let b = ballot(1, 1);
    let mut node = promised(2, b);
    node.grant(&round(b, 3), at(0)).unwrap();
    // A late round moves the end and not the number.
    node.grant(&round(b, 2), at(10)).unwrap();
    node.released(&Release {
        ballot: b,
        round: 2,
    });
    node.released(&Release {
        ballot: ballot(1, 3),
        round: 9,
    });
    assert_eq!(node.admit(ballot(2, 3), at(20)), HELD(110));
    node.released(&Release {
        ballot: b,
        round: 3,
    });
    assert_eq!(node.admit(ballot(2, 3), at(20)), Gate::Pass);
}

#[test]
fn a_restart_withholds_everything_above_the_promise() {
    let b = ballot(1, 1);
    let mut node = start(2, Some(b), 1000);
    assert_eq!(node.admit(ballot(2, 3), at(1001)), HELD(1100));
    // Even the owner of the promise waits, and so does this node.
    let mut node = start(2, Some(b), 1000);
    assert_eq!(node.admit(ballot(2, 1), at(1001)), HELD(1100));
    assert_eq!(node.emit(ballot(2, 2), at(1099)), HELD(1100));
    assert_eq!(node.emit(ballot(2, 2), at(1100)), Gate::Pass);
    // It follows whom it had promised.
    let mut node = start(2, Some(b), 1000);
    assert!(node.grant(&round(b, 8), at(1001)).is_ok());
}

#[test]
fn a_restart_holds_a_campaign_that_was_stored_and_never_left() {
    let own = ballot(2, 2);
    let mut node = start(2, Some(own), 1000);
    assert_eq!(node.emit(own, at(1001)), HELD(1100));
}

#[test]
fn a_new_store_need_not_wait() {
    let mut node = start(2, None, 1000);
    assert_eq!(node.admit(ballot(2, 3), at(1001)), Gate::Pass);
    assert_eq!(node.emit(ballot(3, 2), at(1001)), Gate::Pass);
}

#[test]
fn the_longest_grant_is_stored_before_any_is_given() {
    let stored = Stored::<common::TestBallot> {
        promise: None,
        admitted: None,
        longest: nanos(99),
    };
    let refused = StartError::LongestNotStored {
        stored: nanos(99),
        needed: nanos(100),
    };
    assert_eq!(
        LeaseNode::start(node(1), timing(), stored, at(0)),
        Err(refused)
    );
    let mut granter = promised(2, ballot(1, 1));
    let mut longer = round(ballot(1, 1), 1);
    longer.lasts = nanos(101);
    let longest = nanos(100);
    assert_eq!(
        granter.grant(&longer, at(0)),
        Err(Refusal::TooLong { longest })
    );
    // After a restart the stored length counts, not the present one.
    let stored = Stored {
        promise: Some(ballot(1, 1)),
        admitted: Some(ballot(1, 1)),
        longest: nanos(500),
    };
    let mut longer_before = LeaseNode::start(node(2), timing(), stored, at(0)).unwrap();
    assert_eq!(longer_before.admit(ballot(2, 1), at(1)), HELD(500));
}

#[test]
fn a_ballot_that_was_only_learned_waits_like_any_other() {
    let mut granter = promised(2, ballot(1, 1));
    granter.grant(&round(ballot(1, 1), 1), at(0)).unwrap();
    granter.promised(ballot(2, 3));
    assert_eq!(granter.admit(ballot(2, 3), at(1)), HELD(100));
    assert!(!granter.admits_probe(ballot(2, 3), at(1)));
    // What is below it is refused by the engine, and need not wait for that.
    assert_eq!(granter.admit(ballot(2, 1), at(1)), Gate::Pass);
    assert_eq!(granter.admit(ballot(2, 3), at(100)), Gate::Pass);
    granter.settle(ballot(2, 3), ballot(2, 3));
    granter.grant(&round(ballot(2, 3), 1), at(101)).unwrap();
    assert_eq!(granter.admit(ballot(2, 3), at(102)), Gate::Pass);
}

#[test]
fn a_restart_exempts_only_what_was_admitted() {
    let stored = Stored {
        promise: Some(ballot(2, 3)),
        admitted: None,
        longest: nanos(100),
    };
    let mut granter = LeaseNode::start(node(2), timing(), stored, at(0)).unwrap();
    assert_eq!(granter.admit(ballot(2, 3), at(1)), HELD(100));
    let stored = Stored {
        admitted: stored.promise,
        ..stored
    };
    let mut granter = LeaseNode::start(node(2), timing(), stored, at(0)).unwrap();
    assert_eq!(granter.admit(ballot(2, 3), at(1)), Gate::Pass);
    assert_eq!(granter.admit(ballot(3, 3), at(1)), HELD(100));
}

#[test]
fn a_request_that_the_engine_refused_is_not_admitted() {
    let mut granter = promised(2, ballot(1, 1));
    assert_eq!(granter.admit(ballot(2, 3), at(0)), Gate::Pass);
    granter.settle(ballot(2, 3), ballot(1, 1));
    granter.grant(&round(ballot(1, 1), 1), at(1)).unwrap();
    granter.promised(ballot(2, 3));
    assert_eq!(granter.admit(ballot(2, 3), at(2)), HELD(101));
}
