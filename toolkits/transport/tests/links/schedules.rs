//! Under any schedule of faults an engine sees a prefix of what was sent, session by session, and
//! both ends learn of each break.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::sleep;
use tsoracle_peer_transport::{
    Direction, Incarnation, LinkFault, MemoryNetwork, PeerId, Session, SessionChange,
};

use crate::common::{GROUP, Node, seeds, settings, until};

type Sent = BTreeMap<Session, Vec<Bytes>>;

fn fault(rng: &mut ChaCha8Rng) -> LinkFault {
    match rng.random_range(0..7) {
        0 => LinkFault::CUT,
        1 => LinkFault::delay(Duration::from_millis(rng.random_range(1..300))),
        2 => LinkFault::lossy(rng.random_range(1..200), 0, 0),
        3 => LinkFault::lossy(0, rng.random_range(1..500), rng.random_range(0..200)),
        4 => LinkFault {
            delay: Duration::from_millis(rng.random_range(1..50)),
            ..LinkFault::lossy(5, 50, 5)
        },
        _ => LinkFault::NONE,
    }
}

fn payload(rng: &mut ChaCha8Rng, n: u32) -> Bytes {
    let size = match rng.random_range(0..20) {
        0 => rng.random_range(64 << 10..400 << 10),
        1..4 => rng.random_range(1_000..20_000),
        _ => 4,
    };
    let mut payload = vec![0; size];
    payload[..4].copy_from_slice(&n.to_be_bytes());
    payload.into()
}

/// Sends both ways for a while, with faults that come and go and, now and then, a restart.
async fn schedule(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let network = MemoryNetwork::default();
    let start = |node: u64, life: u64| {
        let mut settings = settings(node, 2);
        settings.seed = seed ^ node;
        settings.me.incarnation = Incarnation::counted(life);
        settings.limits.queue_frames = 200;
        Node::start(&network, settings)
    };
    let mut nodes = [start(1, 1), start(2, 1)];
    let mut sent: [Sent; 2] = Default::default();
    let mut life = 1;
    for n in 0..400 {
        let from = rng.random_range(0..2);
        let to = nodes[1 - from].id;
        match rng.random_range(0..40) {
            0..2 => nodes[from].transport.faults().set(to, fault(&mut rng)),
            2 => sleep(Duration::from_millis(rng.random_range(1..2_500))).await,
            3 if rng.random_range(0..8) == 0 => {
                // Only the receiver is followed over restarts, so the pair starts afresh.
                check(&nodes, &sent, seed).await;
                nodes[0].transport.shutdown().await.unwrap();
                nodes[1].transport.shutdown().await.unwrap();
                life += 1;
                nodes = [start(1, life), start(2, life)];
                sent = Default::default();
            }
            _ => {
                for _ in 0..rng.random_range(1..6) {
                    let payload = payload(&mut rng, n);
                    let accepted = nodes[from].transport.send(to, GROUP, payload.clone());
                    if let Ok(session) = accepted {
                        sent[from].entry(session).or_default().push(payload);
                    }
                }
                sleep(Duration::from_millis(rng.random_range(0..20))).await;
            }
        }
    }
    check(&nodes, &sent, seed).await;
}

/// Heals the links, waits until they are quiet, and checks every session.
async fn check(nodes: &[Node; 2], sent: &[Sent; 2], seed: u64) {
    for node in nodes {
        node.transport.faults().heal();
    }
    sleep(Duration::from_secs(5)).await;
    nodes[0].linked(&nodes[1]).await;
    until("all is sent", || {
        let idle = |node: &Node, of: PeerId| node.counts(of).queue_frames == 0;
        idle(&nodes[0], nodes[1].id) && idle(&nodes[1], nodes[0].id)
    })
    .await;
    sleep(Duration::from_secs(5)).await;
    for (from, to, sent) in [
        (&nodes[0], &nodes[1], &sent[0]),
        (&nodes[1], &nodes[0], &sent[1]),
    ] {
        let received = to.engine.by_session(from.id);
        for (session, sent) in sent {
            let got = received.get(session).cloned().unwrap_or_default();
            assert!(got.len() <= sent.len(), "seed {seed}: more than was sent");
            assert!(got == sent[..got.len()], "seed {seed}: not a prefix");
            if got.len() < sent.len() {
                let near = from.engine.events(to.id, Direction::Outgoing);
                assert!(
                    ended(&near, *session),
                    "seed {seed}: the sender was not told"
                );
                let far = to.engine.events(from.id, Direction::Incoming);
                let started = received.contains_key(session);
                assert_eq!(ended(&far, *session), started, "seed {seed}: the receiver");
            }
        }
        for session in received.keys() {
            let near = from.engine.events(to.id, Direction::Outgoing);
            let known = near.iter().any(|(other, _)| other == session);
            assert!(known, "seed {seed}: a session that its sender never had");
        }
    }
}

fn ended(events: &[(Session, SessionChange)], session: Session) -> bool {
    let mut of = events.iter().filter(|(other, _)| *other == session);
    of.any(|(_, change)| matches!(change, SessionChange::Ended(_)))
}

#[tokio::test(start_paused = true)]
async fn under_any_faults_engines_see_prefixes_and_learn_of_breaks() {
    for seed in seeds(60) {
        schedule(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_come_twice_or_late_in_a_session_stay_out() {
    for seed in seeds(10) {
        let network = MemoryNetwork::default();
        let mut first = settings(1, 2);
        first.seed = seed;
        let a = Node::start(&network, first);
        let b = Node::start(&network, settings(2, 2));
        a.linked(&b).await;
        a.transport
            .faults()
            .set(b.id, LinkFault::lossy(20, 300, 20));
        let mut sent = Sent::new();
        for n in 0..300_u32 {
            if let Ok(session) = a.transport.send(b.id, GROUP, n.to_be_bytes().to_vec()) {
                let sent = sent.entry(session).or_default();
                sent.push(n.to_be_bytes().to_vec().into());
            }
            sleep(Duration::from_millis(3)).await;
        }
        a.transport.faults().heal();
        a.linked(&b).await;
        sleep(Duration::from_secs(2)).await;
        let received = b.engine.by_session(a.id);
        assert!(received.len() > 1, "seed {seed}: no break at all");
        for (session, sent) in sent {
            let got = received.get(&session).cloned().unwrap_or_default();
            assert!(got == sent[..got.len()], "seed {seed}");
        }
    }
}
