//! Calls: answered once, within their time, or failed with a reason.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tsoracle_peer_transport::{CallError, GroupId, MemoryNetwork, PeerId};

use crate::common::{GROUP, Manner, Node, SOON, Seen, cluster, name, settings, until};

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_first_connection_and_is_answered() {
    let network = MemoryNetwork::default();
    let a = Node::start(&network, settings(1, 2));
    let b = Node::start(&network, settings(2, 2));
    let answer = a.transport.call(b.id, GROUP, "hello", SOON).await;
    assert_eq!(answer, Ok(Bytes::from("hello")));
    assert_eq!(a.counts(b.id).calls_open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_at_a_time_get_each_its_own_answer() {
    let (_network, nodes) = cluster(2).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..1_000_u32 {
        let (transport, to) = (nodes[0].transport.clone(), nodes[1].id);
        calls.spawn(async move {
            let asked = n.to_string();
            let answer = transport.call(to, GROUP, asked.clone(), SOON).await;
            assert_eq!(answer, Ok(Bytes::from(asked)));
        });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    assert_eq!(nodes[1].engine.requests(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn every_failure_has_its_error() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let peer = b.id;
    let call = |within| a.transport.call(peer, GROUP, "x", within);
    let manner = |manner| *b.engine.manner.lock().unwrap() = manner;

    manner(Manner::Fail);
    let why = "as told".to_owned();
    assert_eq!(call(SOON).await, Err(CallError::Handler { peer, why }));
    manner(Manner::Drop);
    assert_eq!(call(SOON).await, Err(CallError::Unanswered { peer }));
    let group = GroupId(404);
    let nobody = a.transport.call(peer, group, "x", SOON).await;
    assert_eq!(nobody, Err(CallError::NoHandler { peer, group }));
    let unknown = a.transport.call(PeerId(9), GROUP, "x", SOON).await;
    assert_eq!(unknown, Err(CallError::UnknownPeer { peer: PeerId(9) }));

    manner(Manner::Keep);
    let (within, begun) = (Duration::from_millis(250), Instant::now());
    let late = call(within).await;
    assert_eq!(late, Err(CallError::TimedOut { peer, within }));
    assert!(begun.elapsed() >= within);
    let responder = b.engine.kept.lock().unwrap().pop().unwrap();
    assert_eq!(responder.time_left(), Duration::ZERO);
    responder.respond("too late");
    until("nobody waited for it", || a.counts(peer).answers_late == 1).await;
    assert_eq!(a.counts(peer).calls_failed, 5 - 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_forgotten() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    *b.engine.manner.lock().unwrap() = Manner::Keep;
    tokio::select! {
        _ = a.transport.call(b.id, GROUP, "x", SOON) => panic!("nobody answers"),
        () = until("it is there", || b.engine.requests() == 1) => {}
    }
    assert_eq!(a.counts(b.id).calls_open, 0);
    let responder = b.engine.kept.lock().unwrap().pop().unwrap();
    responder.respond("to nobody");
    until("nobody waited for it", || a.counts(b.id).answers_late == 1).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_there_fails_at_once_between_two_attempts() {
    let network = MemoryNetwork::default();
    let alone = Node::start(&network, settings(1, 2));
    let peer = PeerId(2);
    let begun = Instant::now();
    let failed = alone.transport.call(peer, GROUP, "x", SOON).await;
    assert!(
        matches!(failed, Err(CallError::Unreachable { sent: false, .. })),
        "{failed:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn payloads_up_to_the_limit_pass_and_larger_ones_are_refused() {
    let network = MemoryNetwork::default();
    let (mut small, mut large) = (settings(1, 2), settings(2, 2));
    (small.limits.payload_bytes, large.limits.payload_bytes) = (300_000, 300_000);
    let (a, b) = (Node::start(&network, small), Node::start(&network, large));
    a.linked(&b).await;
    let limit = 300_000;
    for size in [0, 1, 65_535, 65_536, 65_537, limit] {
        let payload = Bytes::from(vec![3; size]);
        let answer = a.transport.call(b.id, GROUP, payload.clone(), SOON).await;
        assert!(answer == Ok(payload), "{size}");
    }
    let size = limit + 1;
    let payload = Bytes::from(vec![3; size]);
    let refused = a.transport.call(b.id, GROUP, payload.clone(), SOON).await;
    assert_eq!(refused, Err(CallError::TooLarge { size, limit }));
    assert!(a.transport.send(b.id, GROUP, payload.clone()).is_err());

    *b.engine.manner.lock().unwrap() = Manner::Keep;
    let answered = async {
        until("it is there", || !b.engine.kept.lock().unwrap().is_empty()).await;
        let responder = b.engine.kept.lock().unwrap().pop().unwrap();
        responder.respond(payload.clone());
    };
    let (refused, ()) = tokio::join!(a.transport.call(b.id, GROUP, "x", SOON), answered);
    let peer = b.id;
    assert_eq!(
        refused,
        Err(CallError::AnswerTooLarge { peer, size, limit })
    );
    assert_eq!(a.counts(b.id).sessions_out, 1, "no session ended");
}

#[tokio::test(start_paused = true)]
async fn small_messages_pass_a_large_call() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let large = Bytes::from(vec![1; 16 << 20]);
    let call = a.transport.call(b.id, GROUP, large.clone(), SOON);
    // After the call is queued: the two are polled in this order.
    let small = async { a.send(b, "heartbeat") };
    let (answer, _) = tokio::join!(call, small);
    let seen = b.engine.all();
    let place = |of: fn(&Seen) -> bool| seen.iter().position(of).unwrap();
    let message = place(|seen| matches!(seen, Seen::Message(..)));
    let request = place(|seen| matches!(seen, Seen::Request(..)));
    assert!(message < request, "it overtook the large one");
    assert!(answer == Ok(large));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_earlier_life_never_reaches_a_later_one() {
    let (network, mut nodes) = cluster(2).await;
    let b = nodes.pop().unwrap();
    let a = nodes.pop().unwrap();
    *b.engine.manner.lock().unwrap() = Manner::Keep;
    tokio::select! {
        _ = a.transport.call(b.id, GROUP, "of the first life", SOON) => panic!("nobody answers"),
        () = until("it is there", || b.engine.requests() == 1) => {}
    }
    a.transport.shutdown().await.unwrap();
    let mut again = settings(1, 2);
    again.me.incarnation = tsoracle_peer_transport::Incarnation::counted(2);
    let a = Node::start(&network, again);
    a.linked(&b).await;
    // The same number as the call of the first life, and both are open.
    let call = a.transport.call(b.id, GROUP, "of the second life", SOON);
    let answer = async {
        until("it is there", || b.engine.requests() == 2).await;
        let mut kept: Vec<_> = b.engine.kept.lock().unwrap().drain(..).collect();
        kept.remove(0).respond("to the first");
        tokio::time::sleep(Duration::from_millis(500)).await;
        kept.remove(0).respond("to the second");
    };
    let (answer, ()) = tokio::join!(call, answer);
    assert_eq!(answer, Ok(Bytes::from("to the second")));
    assert_eq!(name(1), a.transport.endpoint());
}
