//! Messages: in order, session by session.

use bytes::Bytes;
use tsoracle_peer_transport::{
    Direction, EndReason, GroupId, MemoryNetwork, PeerId, SendError, SessionChange,
};

use crate::common::{Engine, GROUP, Node, cluster, settings, until};

#[tokio::test(start_paused = true)]
async fn messages_arrive_in_order_and_in_the_session_that_send_named() {
    let (_network, nodes) = cluster(3).await;
    for n in 0..500_u32 {
        for from in &nodes {
            for to in nodes.iter().filter(|to| to.id != from.id) {
                from.send(to, n.to_be_bytes().to_vec());
            }
        }
    }
    for from in &nodes {
        for to in nodes.iter().filter(|to| to.id != from.id) {
            let all = || to.engine.messages(from.id).len() == 500;
            until("all have arrived", all).await;
            let by = to.engine.by_session(from.id);
            let sent: Vec<_> = (0..500_u32).map(|n| n.to_be_bytes().to_vec()).collect();
            let named = from.send(to, "last");
            assert_eq!(by[&named], sent);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn both_engines_are_told_of_each_session() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let out = a.engine.events(b.id, Direction::Outgoing);
    let incoming = b.engine.events(a.id, Direction::Incoming);
    assert_eq!(out, incoming);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].1, SessionChange::Started);
    assert_eq!(a.send(b, "x"), out[0].0);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_session_is_refused() {
    let network = MemoryNetwork::default();
    let alone = Node::start(&network, settings(1, 2));
    let refused = alone.transport.send(PeerId(2), GROUP, "x");
    assert!(
        matches!(refused, Err(SendError::NoSession { .. })),
        "{refused:?}"
    );
    let unknown = alone.transport.send(PeerId(9), GROUP, "x");
    assert_eq!(unknown, Err(SendError::UnknownPeer { peer: PeerId(9) }));
}

#[tokio::test(start_paused = true)]
async fn large_messages_keep_the_order_of_their_group_and_let_others_pass() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let other = GroupId(8);
    b.transport.register(other, b.engine.clone()).unwrap();
    let large = Bytes::from(vec![1; 8 << 20]);
    a.send(b, large.clone());
    a.send(b, "small, behind it");
    a.transport.send(b.id, other, "of another group").unwrap();
    until("all are there", || b.engine.messages(a.id).len() == 3).await;
    let expected = [
        Bytes::from("of another group"),
        large,
        Bytes::from("small, behind it"),
    ];
    assert!(b.engine.messages(a.id) == expected);
    a.send(b, "and small ones go straight again");
    until("it is there", || b.engine.messages(a.id).len() == 4).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_room_ends_the_session_on_both_ends() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    *b.engine.room.lock().unwrap() = Some(3);
    let session = a.send(b, "0");
    for n in 1..6 {
        a.send(b, n.to_string());
    }
    let told = |n: &Node, of: &Node, direction| {
        n.engine.ends(of.id, direction).first() == Some(&EndReason::NotTaken)
    };
    until("both are told", || {
        told(a, b, Direction::Outgoing) && told(b, a, Direction::Incoming)
    })
    .await;
    assert_eq!(b.engine.by_session(a.id)[&session], ["0", "1", "2"]);
    *b.engine.room.lock().unwrap() = None;
    a.linked(b).await;
    assert!(a.send(b, "again") > session);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_comes_late_sees_a_session_from_its_start() {
    let (_network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let late = GroupId(99);
    let lost = a.transport.send(b.id, late, "to nobody").unwrap();
    until("it was dropped", || b.counts(a.id).dropped_no_handler == 1).await;
    let handler = std::sync::Arc::new(Engine::default());
    b.transport.register(late, handler.clone()).unwrap();
    a.linked(b).await;
    until("the old session is over at its sender", || {
        a.engine
            .ends(b.id, Direction::Outgoing)
            .contains(&EndReason::LateHandler)
    })
    .await;
    a.linked(b).await;
    let session = a.transport.send(b.id, late, "first").unwrap();
    assert!(session > lost);
    until("it came", || handler.messages(a.id).len() == 1).await;
    assert_eq!(handler.by_session(a.id)[&session], ["first"]);

    // A group that has lost nothing is told of the sessions that live.
    let quiet = std::sync::Arc::new(Engine::default());
    b.transport.register(GroupId(100), quiet.clone()).unwrap();
    assert_eq!(quiet.events(a.id, Direction::Incoming).len(), 1);
    assert_eq!(quiet.events(a.id, Direction::Outgoing).len(), 1);
    let twice = b.transport.register(GroupId(100), quiet);
    assert!(twice.is_err());
}
