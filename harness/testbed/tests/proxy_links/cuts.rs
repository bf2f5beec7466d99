//! Links that are cut, or late.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tsoracle_testbed::LinkFault;

use crate::peers::{Peers, assert_reset, dial, receive, send, within};

#[tokio::test]
async fn a_link_that_is_cut_loses_requests_and_the_answers_of_the_other_direction() {
    let peers = Peers::new(2).await;
    let mut asks_two = peers.connect(1, 2).await;
    let mut asks_one = peers.connect(2, 1).await;
    peers.proxies.set(1, 2, LinkFault::Drop);

    send(&mut asks_two.opener, b"lost").await;
    peers.wait_for_disturbed(1, 2, 1).await;
    send(&mut asks_two.target, b"passes").await;
    assert_eq!(receive(&mut asks_two.opener, 6).await, b"passes");

    send(&mut asks_one.opener, b"passes").await;
    assert_eq!(receive(&mut asks_one.target, 6).await, b"passes");
    send(&mut asks_one.target, b"lost").await;
    peers.wait_for_disturbed(1, 2, 2).await;
    assert_eq!(peers.proxies.disturbed(2, 1), 0);

    peers.proxies.set(1, 2, LinkFault::Deliver);
    for torn in [asks_two, asks_one] {
        let (mut opener, mut target) = (torn.opener, torn.target);
        assert_reset(&mut opener).await;
        assert_reset(&mut target).await;
    }
    peers.connect(1, 2).await.assert_whole().await;
    peers.connect(2, 1).await.assert_whole().await;
}

#[tokio::test]
async fn a_cut_is_of_one_link_and_tears_only_what_lost_something() {
    let peers = Peers::new(3).await;
    let mut quiet = peers.connect(1, 2).await;
    let mut other = peers.connect(1, 3).await;
    let mut third = peers.connect(3, 2).await;
    peers.proxies.set(1, 2, LinkFault::Drop);
    other.assert_whole().await;
    third.assert_whole().await;
    peers.proxies.set(1, 2, LinkFault::Deliver);
    quiet.assert_whole().await;
}

#[tokio::test]
async fn a_new_connection_over_a_cut_link_reaches_nobody_and_is_reset_when_healed() {
    let peers = Peers::new(2).await;
    let endpoint = peers.endpoint(1, 2);
    peers.proxies.set(1, 2, LinkFault::Drop);
    let mut unanswered = dial(&endpoint).await;
    send(&mut unanswered, b"anybody?").await;
    peers.wait_for_disturbed(1, 2, 2).await;
    peers.proxies.set(1, 2, LinkFault::Deliver);
    assert_reset(&mut unanswered).await;
    // What is accepted first is this connection, and not the other.
    peers.connect(1, 2).await.assert_whole().await;
}

#[tokio::test]
async fn a_new_connection_whose_answers_are_cut_asks_in_vain() {
    let peers = Peers::new(2).await;
    peers.proxies.set(2, 1, LinkFault::Drop);
    let mut wire = peers.connect(1, 2).await;
    send(&mut wire.opener, b"ask").await;
    assert_eq!(receive(&mut wire.target, 3).await, b"ask");
    send(&mut wire.target, b"tell").await;
    peers.wait_for_disturbed(2, 1, 1).await;
    peers.proxies.set(2, 1, LinkFault::Deliver);
    assert_reset(&mut wire.opener).await;
    assert_reset(&mut wire.target).await;
}

#[tokio::test]
async fn the_refusal_of_a_member_that_is_down_is_lost_on_a_cut_link() {
    let mut peers = Peers::new(2).await;
    let endpoint = peers.endpoint(1, 2);
    drop(peers.listeners.pop());
    peers.proxies.set(2, 1, LinkFault::Drop);
    let mut dialed = dial(&endpoint).await;
    peers.wait_for_disturbed(2, 1, 1).await;
    peers.proxies.set(2, 1, LinkFault::Deliver);
    assert_reset(&mut dialed).await;
}

/// Were the end handed over, the target would see a stream that looks whole.
#[tokio::test]
async fn the_end_of_a_process_is_not_seen_over_a_cut_link() {
    let peers = Peers::new(2).await;
    let mut wire = peers.connect(1, 2).await;
    peers.proxies.set(1, 2, LinkFault::Drop);
    send(&mut wire.opener, b"last words").await;
    peers.wait_for_disturbed(1, 2, 1).await;
    drop(wire.opener);
    // More than lies in buffers: it meets the end that is gone, which the target is not told.
    send(&mut wire.target, &vec![7; 16 * 1024 * 1024]).await;
    peers.proxies.set(1, 2, LinkFault::Deliver);
    assert_reset(&mut wire.target).await;
}

#[tokio::test]
async fn both_directions_can_be_cut() {
    let peers = Peers::new(2).await;
    let mut wire = peers.connect(1, 2).await;
    peers.proxies.set(1, 2, LinkFault::Drop);
    peers.proxies.set(2, 1, LinkFault::Drop);
    send(&mut wire.opener, b"lost").await;
    send(&mut wire.target, b"lost").await;
    peers.wait_for_disturbed(1, 2, 1).await;
    peers.wait_for_disturbed(2, 1, 1).await;
    peers.proxies.set(2, 1, LinkFault::Deliver);
    assert_reset(&mut wire.opener).await;
    assert_reset(&mut wire.target).await;
}

#[tokio::test]
async fn a_late_link_keeps_the_order_and_the_other_direction_is_on_time() {
    const LATE: Duration = Duration::from_millis(60);
    let peers = Peers::new(2).await;
    let mut wire = peers.connect(1, 2).await;
    peers.proxies.set(1, 2, LinkFault::Delay(LATE));
    let sent = Instant::now();
    for (number, part) in [b"one ", b"two ", b"six "].iter().enumerate() {
        send(&mut wire.opener, *part).await;
        peers.wait_for_disturbed(1, 2, number as u64 + 1).await;
    }
    assert_eq!(receive(&mut wire.target, 12).await, b"one two six ");
    assert!(sent.elapsed() >= LATE, "{:?}", sent.elapsed());
    send(&mut wire.target, b"tell").await;
    assert_eq!(receive(&mut wire.opener, 4).await, b"tell");
    assert_eq!(peers.proxies.disturbed(2, 1), 0);
}

#[tokio::test]
async fn what_is_under_way_follows_a_change_of_the_fault() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let peers = Peers::new(2).await;
    let mut healed = peers.connect(1, 2).await;
    peers.proxies.set(1, 2, LinkFault::Delay(HOUR));
    send(&mut healed.opener, b"late").await;
    peers.wait_for_disturbed(1, 2, 1).await;
    peers.proxies.set(1, 2, LinkFault::Deliver);
    assert_eq!(receive(&mut healed.target, 4).await, b"late");

    let mut cut = peers.connect(1, 2).await;
    peers.proxies.set(1, 2, LinkFault::Delay(HOUR));
    send(&mut cut.opener, b"never").await;
    peers.wait_for_disturbed(1, 2, 2).await;
    peers.proxies.set(1, 2, LinkFault::Drop);
    send(&mut cut.opener, b"never").await;
    peers.wait_for_disturbed(1, 2, 3).await;
    peers.proxies.set(1, 2, LinkFault::Deliver);
    assert_reset(&mut cut.target).await;
    let read = within("a reset", cut.opener.read(&mut [0; 1])).await;
    assert!(read.is_err());
}
