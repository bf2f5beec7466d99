//! Nothing that comes over the network stops a node.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tsoracle_peer_transport::{Dialer, MemoryNetwork};

use crate::common::{GROUP, Node, SOON, name, seeds, settings, until};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn garbage_on_connections_harms_nobody() {
    let network = MemoryNetwork::default();
    let a = Node::start(&network, settings(1, 2));
    let b = Node::start(&network, settings(2, 2));
    a.linked(&b).await;
    for seed in seeds(200) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut connection = network.dial(&name(1)).await.unwrap();
        let mut garbage = vec![0; rng.random_range(0..2_000)];
        rng.fill(&mut garbage[..]);
        if rng.random() {
            garbage.splice(0..0, PREFACE.iter().copied());
        }
        // The node may close before all is written.
        let _ = connection.write_all(&garbage).await;
        drop(connection);
    }
    let answer = b.transport.call(a.id, GROUP, "x", SOON).await;
    assert!(answer.is_ok());
    assert!(
        a.engine
            .ends(b.id, tsoracle_peer_transport::Direction::Incoming)
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    let network = MemoryNetwork::default();
    let a = Node::start(&network, settings(1, 1));
    let mut silent = network.dial(&name(1)).await.unwrap();
    let mut read = Vec::new();
    let closed = timeout(Duration::from_secs(10), silent.read_to_end(&mut read)).await;
    assert!(closed.is_ok());
    drop(a);
}

#[tokio::test(start_paused = true)]
async fn more_connections_than_allowed_are_turned_away() {
    let network = MemoryNetwork::default();
    let mut few = settings(1, 1);
    few.limits.connections = 4;
    let a = Node::start(&network, few);
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(network.dial(&name(1)).await.unwrap());
    }
    until("six were", || a.transport.counts().turned_away == 6).await;
    assert_eq!(a.transport.counts().accepted, 4);
}
