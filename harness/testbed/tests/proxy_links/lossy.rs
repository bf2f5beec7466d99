//! Links that break some connections.

use tokio::io::AsyncReadExt;
use tsoracle_testbed::LinkFault;

use crate::peers::{Peers, assert_reset, send, within};

fn lossy(lose_per_mille: u16) -> LinkFault {
    LinkFault::Lossy {
        lose_per_mille,
        duplicate_per_mille: 50,
        reorder_per_mille: 50,
    }
}

/// Which of many single bytes, each a read of its own, broke its connection.
async fn breaks(seed: u64) -> Vec<usize> {
    const BYTES: usize = 200;
    let peers = Peers::with_seed(2, seed).await;
    peers.proxies.set(1, 2, lossy(100));
    let mut wire = peers.connect(1, 2).await;
    let mut broken = Vec::new();
    for byte in 0..BYTES {
        send(&mut wire.opener, b"x").await;
        let read = within("a byte or a break", wire.target.read(&mut [0; 2])).await;
        if read.is_err() {
            broken.push(byte);
            assert_reset(&mut wire.opener).await;
            wire = peers.connect(1, 2).await;
        }
    }
    assert_eq!(peers.proxies.disturbed(1, 2), broken.len() as u64);
    assert_eq!(peers.proxies.disturbed(2, 1), 0);
    broken
}

#[tokio::test]
async fn a_lossy_link_breaks_some_connections_and_the_same_ones_with_one_seed() {
    let broken = breaks(7).await;
    assert!((10..100).contains(&broken.len()), "{broken:?}");
    assert_eq!(breaks(7).await, broken);
    assert_ne!(breaks(8).await, broken);
}

#[tokio::test]
async fn a_link_that_always_breaks_lets_nothing_through() {
    let peers = Peers::new(2).await;
    peers.proxies.set(1, 2, lossy(900));
    for _ in 0..5 {
        let mut wire = peers.connect(1, 2).await;
        send(&mut wire.opener, b"lost").await;
        assert_reset(&mut wire.target).await;
        assert_reset(&mut wire.opener).await;
    }
}
