//! Nodes come, go, come back, and end.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tsoracle_peer_transport::{
    CallError, Direction, EndReason, Incarnation, LinkStatus, MemoryNetwork, Peer, PeerError,
    PeerId, Refusal, SendError, Settings, StartError, Transport,
};

use crate::common::{GROUP, Manner, Node, SOON, cluster, me, name, settings, until};

fn life(node: u64, of: u64, life: u64) -> Settings {
    let mut settings = settings(node, of);
    settings.me.incarnation = Incarnation::counted(life);
    settings
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_is_linked_again() {
    let network = MemoryNetwork::default();
    let mut patient = settings(1, 2);
    patient.times.reconnect_max = Duration::from_secs(3_600);
    let (a, b) = (
        Node::start(&network, patient),
        Node::start(&network, settings(2, 2)),
    );
    a.linked(&b).await;
    let before = a.send(&b, "to the first life");
    b.transport.shutdown().await.unwrap();
    until("it is noticed", || {
        a.transport.link(b.id) != Some(LinkStatus::Up)
    })
    .await;
    sleep(Duration::from_secs(1_000)).await;
    let begun = Instant::now();
    let b = Node::start(&network, life(2, 2, 2));
    a.linked(&b).await;
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "no pause is waited for"
    );
    assert!(a.send(&b, "to the second life") > before);
    until("it came", || {
        b.engine.messages(a.id) == ["to the second life"]
    })
    .await;
    a.engine.by_session(b.id);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_life_is_refused_for_good() {
    let (network, mut nodes) = cluster(2).await;
    let b = nodes.pop().unwrap();
    let a = nodes.pop().unwrap();
    b.transport.shutdown().await.unwrap();
    let b = Node::start(&network, life(2, 2, 7));
    a.linked(&b).await;
    b.transport.shutdown().await.unwrap();
    let old = Node::start(&network, life(2, 2, 6));
    let stale = Refusal::StaleIncarnation {
        node: old.id,
        newest: Incarnation::counted(7),
        presented: Incarnation::counted(6),
    };
    let noted = |n: &Node, by_us| {
        let refusals = n.transport.refusals();
        refusals
            .iter()
            .any(|r| r.by_us == by_us && r.refusal == stale)
    };
    until("both noted it", || noted(&a, true) && noted(&old, false)).await;
    sleep(Duration::from_secs(10)).await;
    assert!(old.engine.all().is_empty());

    // Removing the node does not make its earlier life welcome.
    a.transport.remove_peer(old.id).unwrap();
    a.transport.add_peer(Peer::new(old.id, name(2))).unwrap();
    sleep(Duration::from_secs(10)).await;
    assert!(old.engine.all().is_empty());
    old.transport.shutdown().await.unwrap();
    let b = Node::start(&network, life(2, 2, 8));
    a.linked(&b).await;
}

#[tokio::test(start_paused = true)]
async fn peers_are_added_and_removed_while_it_runs() {
    let (network, nodes) = cluster(2).await;
    let [a, b] = &nodes[..] else { unreachable!() };
    let c = Node::start(&network, settings(3, 3));
    until("it is refused", || !a.transport.refusals().is_empty()).await;
    a.transport.add_peer(Peer::new(c.id, name(3))).unwrap();
    a.linked(&c).await;
    assert!(b.transport.link(c.id).is_none());

    let exists = a.transport.add_peer(Peer::new(c.id, name(3)));
    assert_eq!(exists, Err(PeerError::Exists { peer: c.id }));
    let myself = a.transport.add_peer(Peer::new(a.id, name(1)));
    assert_eq!(myself, Err(PeerError::Myself { peer: a.id }));

    *c.engine.manner.lock().unwrap() = Manner::Keep;
    let call = a.transport.call(c.id, GROUP, "x", SOON);
    let removed = async {
        until("it is there", || c.engine.requests() == 1).await;
        a.transport.remove_peer(c.id).unwrap();
    };
    let (failed, ()) = tokio::join!(call, removed);
    assert!(
        matches!(failed, Err(CallError::Unreachable { sent: true, .. })),
        "{failed:?}"
    );
    for direction in [Direction::Outgoing, Direction::Incoming] {
        assert_eq!(
            a.engine.ends(c.id, direction).pop(),
            Some(EndReason::Removed)
        );
    }
    until("the other end is told", || {
        let events = [Direction::Outgoing, Direction::Incoming].map(|d| c.engine.ends(a.id, d));
        events.iter().all(|ends| !ends.is_empty())
    })
    .await;
    let gone = a.transport.send(c.id, GROUP, "x");
    assert_eq!(gone, Err(SendError::UnknownPeer { peer: c.id }));
    let twice = a.transport.remove_peer(c.id);
    assert_eq!(twice, Err(PeerError::Unknown { peer: c.id }));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_fails_calls_tells_engines_and_ends_every_task() {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    let (network, nodes) = cluster(3).await;
    *nodes[1].engine.manner.lock().unwrap() = Manner::Keep;
    let (a, b) = (&nodes[0], &nodes[1]);
    let call = a.transport.call(b.id, GROUP, "x", SOON);
    let shutdown = async {
        until("it is there", || b.engine.requests() == 1).await;
        let (first, second) = tokio::join!(a.transport.shutdown(), a.transport.shutdown());
        assert_eq!((first, second), (Ok(()), Ok(())));
        a.transport.shutdown().await
    };
    let (failed, third) = tokio::join!(call, shutdown);
    assert_eq!((failed, third), (Err(CallError::ShuttingDown), Ok(())));
    for direction in [Direction::Outgoing, Direction::Incoming] {
        assert_eq!(a.engine.ends(b.id, direction), [EndReason::ShuttingDown]);
    }
    until("the peer is told", || {
        !b.engine.ends(a.id, Direction::Outgoing).is_empty()
            && !b.engine.ends(a.id, Direction::Incoming).is_empty()
    })
    .await;
    let refused = a.transport.send(b.id, GROUP, "x");
    assert_eq!(refused, Err(SendError::ShuttingDown));
    let refused = a.transport.add_peer(Peer::new(PeerId(9), "node-9"));
    assert_eq!(refused, Err(PeerError::ShuttingDown));
    assert_eq!(
        std::sync::Arc::strong_count(&a.engine),
        1,
        "its handler is dropped"
    );
    network.bind(&name(1)).unwrap();
    for node in &nodes {
        node.transport.shutdown().await.unwrap();
    }
    until("every task has ended", || alive() == before).await;
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_dropped_ends_too() {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    let (network, nodes) = cluster(3).await;
    drop(nodes);
    until("every task has ended", || alive() == before).await;
    network.bind(&name(1)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_ever_for_a_handler() {
    use std::sync::{Arc, Mutex};
    use tsoracle_peer_transport::{Delivery, GroupId, Handler, Responder, SessionEvent};

    /// Waits in a callback: what a handler must not do.
    struct Stuck(
        Mutex<std::sync::mpsc::Receiver<()>>,
        std::sync::mpsc::Sender<()>,
    );
    impl Handler for Stuck {
        fn on_message(&self, _: PeerId, _: bytes::Bytes) -> Delivery {
            self.1.send(()).unwrap();
            let _ = self.0.lock().unwrap().recv();
            Delivery::Taken
        }
        fn on_request(&self, _: PeerId, _: bytes::Bytes, _: Responder) {}
        fn on_session(&self, _: SessionEvent) {}
    }

    let network = MemoryNetwork::default();
    let a = Node::start(&network, settings(1, 2));
    let (release, stuck) = std::sync::mpsc::channel();
    let (reaches, reached) = std::sync::mpsc::channel();
    // On threads of its own, since it blocks one.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let b: Transport = {
        let _inside = runtime.enter();
        let mut settings = settings(2, 2);
        settings.times.shutdown = Duration::from_millis(200);
        let listener = network.bind(&name(2)).unwrap();
        Transport::start(settings, listener, network.clone()).unwrap()
    };
    b.register(GroupId(7), Arc::new(Stuck(Mutex::new(stuck), reaches)))
        .unwrap();
    tokio::time::resume();
    until("both links are up", || {
        a.transport.link(PeerId(2)) == Some(LinkStatus::Up) && b.link(a.id) == Some(LinkStatus::Up)
    })
    .await;
    a.transport.send(PeerId(2), GROUP, "x").unwrap();
    until("it is stuck", || reached.try_recv().is_ok()).await;
    let ended = timeout(SOON, b.shutdown()).await.unwrap();
    assert!(ended.is_err());
    drop(release);
    runtime.shutdown_background();
}

#[test]
fn without_a_runtime_it_does_not_start() {
    let network = MemoryNetwork::default();
    let listener = network.bind(&name(1)).unwrap();
    let started = Transport::start(settings(1, 1), listener, network.clone());
    assert!(matches!(started, Err(StartError::NoRuntime)));
}

#[test]
fn incarnations_grow() {
    assert!(Incarnation::counted(2) > Incarnation::counted(1));
    assert!(Incarnation::counted(u64::from(u32::MAX)) < Incarnation::from_clock());
    assert_eq!(me(1, 3).incarnation, Incarnation::counted(3));
}
