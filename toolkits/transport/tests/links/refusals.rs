//! Who may not talk to whom, and that both ends know why (S4).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tsoracle_peer_transport::{
    CallError, ClusterId, Identities, LinkFault, MemoryIdentities, MemoryNetwork, Peer, PeerId,
    Refusal, Settings, StoreId, Timing,
};

use crate::common::{GROUP, Node, SOON, name, settings, until};

/// Starts two nodes that must not talk, and waits until each end knows why it refuses the other, or
/// is refused.
async fn refuse(first: Settings, second: Settings, expected: &[Refusal]) {
    let network = MemoryNetwork::default();
    let a = Node::start(&network, first);
    let b = Node::start(&network, second);
    for refusal in expected {
        let noted = |n: &Node, by_us| {
            let refusals = n.transport.refusals();
            refusals
                .iter()
                .any(|r| r.by_us == by_us && r.refusal == *refusal)
        };
        until("one refuses and the other knows", || {
            (noted(&a, true) && noted(&b, false)) || (noted(&b, true) && noted(&a, false))
        })
        .await;
    }
    sleep(Duration::from_secs(3)).await;
    for node in [&a, &b] {
        assert!(node.engine.all().is_empty(), "{:?}", node.engine.all());
        assert!(node.transport.counts().refused > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn another_cluster_is_refused() {
    let (first, mut second) = (settings(1, 2), settings(2, 2));
    second.me.cluster = ClusterId(43);
    let (one, other) = (ClusterId(42), ClusterId(43));
    let expected = [(one, other), (other, one)];
    let expected = expected.map(|(here, there)| Refusal::WrongCluster { here, there });
    refuse(first, second, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn differing_timing_is_refused() {
    let (first, mut second) = (settings(1, 2), settings(2, 2));
    second.timing.lease = Some(Duration::from_millis(150));
    let timings = [(first.timing, second.timing), (second.timing, first.timing)];
    let refusal = |(here, there): (Timing, Timing)| Refusal::Timing {
        here: Box::new(here),
        there: Box::new(there),
    };
    refuse(first, second, &timings.map(refusal)).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_no_member_is_refused() {
    let mut first = settings(1, 2);
    first.peers.clear();
    let network = MemoryNetwork::default();
    let a = Node::start(&network, first);
    let b = Node::start(&network, settings(2, 2));
    let refused = b.transport.call(a.id, GROUP, "x", SOON).await;
    let refusal = Refusal::UnknownNode { node: b.id };
    let peer = a.id;
    assert_eq!(
        refused,
        Err(CallError::Refused {
            peer,
            refusal: refusal.clone()
        })
    );
    let noted = a.transport.refusals();
    assert_eq!((noted[0].peer, noted[0].by_us), (Some(b.id), true));
    assert_eq!(noted[0].refusal, refusal);
    assert!(noted[0].refusal.to_string().contains("add it first"));
}

#[tokio::test(start_paused = true)]
async fn the_wrong_node_at_an_endpoint_is_refused() {
    let network = MemoryNetwork::default();
    let mut first = settings(1, 3);
    // Node 2 is looked for where node 3 answers.
    first.peers = vec![Peer::new(PeerId(2), name(3)), Peer::new(PeerId(3), name(3))];
    let a = Node::start(&network, first);
    let c = Node::start(&network, settings(3, 3));
    let failed = a.transport.call(PeerId(2), GROUP, "x", SOON).await;
    let refusal = Refusal::WrongNode {
        dialed: PeerId(2),
        answered: c.id,
    };
    let peer = PeerId(2);
    assert_eq!(
        failed,
        Err(CallError::Refused {
            peer,
            refusal: refusal.clone()
        })
    );
    assert!(
        c.transport
            .refusals()
            .iter()
            .any(|r| r.by_us && r.refusal == refusal)
    );
    a.linked(&c).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_store_is_refused_both_ways_until_the_member_is_replaced() {
    let network = MemoryNetwork::default();
    let identities = Arc::new(MemoryIdentities::default());
    let mut first = settings(1, 2);
    first.identities = identities.clone();
    let a = Node::start(&network, first);
    let b = Node::start(&network, settings(2, 2));
    a.linked(&b).await;
    b.transport.shutdown().await.unwrap();

    let mut forgetful = settings(2, 2);
    forgetful.me.store = StoreId(666);
    forgetful.me.incarnation = tsoracle_peer_transport::Incarnation::counted(2);
    let b = Node::start(&network, forgetful);
    let refusal = Refusal::ChangedStore {
        node: b.id,
        remembered: StoreId(1_002),
        presented: StoreId(666),
    };
    let peer = b.id;
    let refused = || async {
        let answer = a.transport.call(peer, GROUP, "x", SOON).await;
        answer
            == Err(CallError::Refused {
                peer,
                refusal: refusal.clone(),
            })
    };
    until("the dialed node is refused", || {
        a.transport
            .refusals()
            .iter()
            .any(|r| r.by_us && r.refusal == refusal)
    })
    .await;
    let mut tries = 0;
    while !refused().await {
        tries += 1;
        assert!(tries < 1_000);
        sleep(Duration::from_millis(5)).await;
    }
    until("the dialing node knows", || {
        b.transport
            .refusals()
            .iter()
            .any(|r| !r.by_us && r.refusal == refusal)
    })
    .await;
    sleep(Duration::from_secs(5)).await;
    assert!(b.engine.all().is_empty());

    identities.forget(b.id);
    a.linked(&b).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_only_answers_is_told_why_it_is_refused() {
    let network = MemoryNetwork::default();
    let identities = MemoryIdentities::default();
    identities.check(PeerId(2), StoreId(666));
    let mut first = settings(1, 2);
    first.identities = Arc::new(identities);
    let b = Node::start(&network, settings(2, 2));
    b.transport.faults().set(PeerId(1), LinkFault::CUT);
    let a = Node::start(&network, first);
    let refusal = Refusal::ChangedStore {
        node: b.id,
        remembered: StoreId(666),
        presented: StoreId(1_002),
    };
    until("it knows", || {
        let refusals = b.transport.refusals();
        refusals.iter().any(|r| !r.by_us && r.refusal == refusal)
    })
    .await;
    let peer = b.id;
    let refused = a.transport.call(peer, GROUP, "x", SOON).await;
    assert_eq!(refused, Err(CallError::Refused { peer, refusal }));
    assert!(a.engine.all().is_empty() && b.engine.all().is_empty());
}
