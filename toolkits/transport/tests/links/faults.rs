//! Faults on directed links mean what they say.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tsoracle_peer_transport::{
    CallError, Direction, EndReason, LinkFault, LinkStatus, MemoryNetwork,
};

use crate::common::{GROUP, Manner, Node, SOON, cluster, settings, until};

#[tokio::test(start_paused = true)]
async fn a_cut_link_loses_its_direction_only() {
    let (_network, nodes) = cluster(3).await;
    let [a, b, c] = &nodes[..] else {
        unreachable!()
    };
    let reverse = b.send(a, "before");
    a.transport.faults().set(b.id, LinkFault::CUT);
    a.send(b, "lost");
    let within = Duration::from_millis(300);
    let peer = b.id;
    let lost = a.transport.call(peer, GROUP, "request lost", within).await;
    assert_eq!(lost, Err(CallError::TimedOut { peer, within }));
    let peer = a.id;
    let lost = b.transport.call(peer, GROUP, "answer lost", within).await;
    assert_eq!(lost, Err(CallError::TimedOut { peer, within }));
    assert_eq!(a.engine.requests(), 1, "the request itself arrived");

    // Both ends learn that the link is silent.
    let silent = |n: &Node, of: &Node, direction| {
        n.engine.ends(of.id, direction).first() == Some(&EndReason::Silence)
    };
    until("both are told", || {
        silent(a, b, Direction::Outgoing) && silent(b, a, Direction::Incoming)
    })
    .await;
    assert!(b.engine.messages(a.id).is_empty());

    // For as long as it likes, the other direction works on, in its session.
    sleep(Duration::from_secs(30)).await;
    for n in 0..100 {
        assert_eq!(b.send(a, n.to_string()), reverse);
    }
    until("all came", || a.engine.messages(b.id).len() == 101).await;
    assert!(a.engine.ends(b.id, Direction::Incoming).is_empty());
    assert_ne!(a.transport.link(b.id), Some(LinkStatus::Up));
    assert!(a.transport.call(c.id, GROUP, "x", SOON).await.is_ok());

    a.transport.faults().set(b.id, LinkFault::NONE);
    a.linked(b).await;
    a.send(b, "after");
    until("it came", || b.engine.messages(a.id) == ["after"]).await;
    assert!(b.transport.call(a.id, GROUP, "x", SOON).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_a_fault_lost_counts_after_its_peer_is_removed() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    a.transport.faults().set(b.id, LinkFault::CUT);
    a.send(b, "lost");
    let lost = || a.transport.faults().disturbed(b.id);
    until("it is lost", || lost() > 0).await;
    let counted = lost();
    a.transport.remove_peer(b.id).unwrap();
    assert!(lost() >= counted);
    assert_eq!(b.transport.faults().disturbed(a.id), 0);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_cut_from_the_start_does_not_come_up() {
    let network = MemoryNetwork::default();
    let a = Node::start(&network, settings(1, 2));
    a.transport
        .faults()
        .set(tsoracle_peer_transport::PeerId(2), LinkFault::CUT);
    let b = Node::start(&network, settings(2, 2));
    until("the other comes up", || {
        b.transport.link(a.id) == Some(LinkStatus::Up)
    })
    .await;
    sleep(Duration::from_secs(10)).await;
    assert!(a.engine.events(b.id, Direction::Outgoing).is_empty());
    assert!(b.engine.events(a.id, Direction::Incoming).is_empty());
    let only = b.send(&a, "x");
    until("it came", || a.engine.messages(b.id) == ["x"]).await;
    assert_eq!(b.send(&a, "y"), only, "and its session lives");
    a.transport.faults().heal();
    a.linked(&b).await;
}

#[tokio::test(start_paused = true)]
async fn a_delay_keeps_the_order_and_the_session() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let delay = Duration::from_millis(400);
    a.transport.faults().set(b.id, LinkFault::delay(delay));
    assert_eq!(a.transport.faults().of(b.id).delay, delay);
    let begun = Instant::now();
    let sent: Vec<_> = (0..50).map(|n| n.to_string()).collect();
    for n in &sent {
        a.send(b, n.clone());
    }
    until("one came", || !b.engine.messages(a.id).is_empty()).await;
    assert!(begun.elapsed() >= delay);
    until("all came", || b.engine.messages(a.id).len() == 50).await;
    assert_eq!(b.engine.messages(a.id), sent);

    // Those under way stay ahead of those sent after the fault.
    a.send(b, "slow");
    sleep(Duration::from_millis(10)).await;
    a.transport.faults().heal();
    a.send(b, "behind");
    until("both came", || b.engine.messages(a.id).len() == 52).await;
    assert_eq!(b.engine.messages(a.id)[50..], ["slow", "behind"]);
    assert!(a.engine.ends(b.id, Direction::Outgoing).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_link_comes_up_under_a_delay_longer_than_its_handshake_may_take() {
    let network = MemoryNetwork::default();
    let a = Node::start(&network, settings(1, 2));
    let delay = LinkFault::delay(Duration::from_millis(1_500));
    a.transport
        .faults()
        .set(tsoracle_peer_transport::PeerId(2), delay);
    let b = Node::start(&network, settings(2, 2));
    a.linked(&b).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_is_seen_once_and_breaks_nothing() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let twice = LinkFault::lossy(0, 1_000, 0);
    a.transport.faults().set(b.id, twice);
    for n in 0..100 {
        a.send(b, n.to_string());
    }
    until("all came", || b.engine.messages(a.id).len() >= 100).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(b.engine.messages(a.id).len(), 100);
    assert!(b.counts(a.id).frames_refused >= 100);
    assert!(a.engine.ends(b.id, Direction::Outgoing).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_overtaken_ends_the_session_on_both_ends() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    a.transport
        .faults()
        .set(b.id, LinkFault::lossy(0, 0, 1_000));
    a.send(b, "0");
    a.send(b, "1");
    let told = |n: &Node, of: &Node, direction| {
        n.engine.ends(of.id, direction).first() == Some(&EndReason::Gap)
    };
    until("both are told", || {
        told(a, b, Direction::Outgoing) && told(b, a, Direction::Incoming)
    })
    .await;
    assert!(b.engine.messages(a.id).is_empty());
    assert!(b.counts(a.id).gaps >= 1);
    a.transport.faults().heal();
    a.linked(b).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_fails_when_the_link_of_its_answer_breaks() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    *b.engine.manner.lock().unwrap() = Manner::Keep;
    let call = a.transport.call(b.id, GROUP, "x", SOON);
    let cut = async {
        until("it is there", || b.engine.requests() == 1).await;
        b.transport.faults().set(a.id, LinkFault::CUT);
    };
    let (failed, ()) = tokio::join!(call, cut);
    assert!(
        matches!(failed, Err(CallError::Unreachable { sent: true, .. })),
        "{failed:?}"
    );
    assert!(a.engine.ends(b.id, Direction::Outgoing).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_receiver_says_of_a_cut_link_is_lost_too() {
    let network = MemoryNetwork::default();
    let (mut patient, mut quick) = (settings(1, 2), settings(2, 2));
    patient.times.silence = Duration::from_secs(10);
    quick.times.silence = Duration::from_millis(400);
    let (a, b) = (Node::start(&network, patient), Node::start(&network, quick));
    a.linked(&b).await;
    a.transport.faults().set(b.id, LinkFault::CUT);
    let told = |n: &Node, of: &Node, direction| !n.engine.ends(of.id, direction).is_empty();
    until("the receiver notices", || told(&b, &a, Direction::Incoming)).await;
    assert!(!told(&a, &b, Direction::Outgoing));
    until("the sender does", || told(&a, &b, Direction::Outgoing)).await;
}
