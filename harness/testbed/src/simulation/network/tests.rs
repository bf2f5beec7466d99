use std::collections::BTreeSet;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, sleep, timeout};

use super::post::MAILBOX;
use super::*;
use crate::run_in_virtual_time;

const TICK: Duration = Duration::from_millis(1);
const LOSSY: LinkFault = LinkFault::Lossy {
    lose_per_mille: 200,
    duplicate_per_mille: 200,
    reorder_per_mille: 200,
};

type Inbox = mpsc::Receiver<(NodeId, u64)>;

fn two_nodes(seed: u64) -> (SimNetwork<u64>, Inbox) {
    let network = SimNetwork::new(seed);
    let inbox = network.attach(2);
    (network, inbox)
}

/// What arrives within a second.
async fn received(inbox: &mut Inbox) -> Vec<u64> {
    let mut received = Vec::new();
    while let Ok(Some((from, message))) = timeout(1_000 * TICK, inbox.recv()).await {
        assert_eq!(from, 1);
        received.push(message);
    }
    received
}

/// Three nodes that pass numbers on until they are zero, over links that change.
fn gossip(seed: u64) -> (u64, u64) {
    run_in_virtual_time(async {
        let network = SimNetwork::new(seed);
        for node in 1..=3 {
            let mut inbox = network.attach(node);
            let network = network.clone();
            tokio::spawn(async move {
                while let Some((from, left)) = inbox.recv().await {
                    for to in (1..=3).filter(|to| left > 0 && *to != node) {
                        network.send(node, to, left - 1 + (from & 1));
                    }
                    sleep(TICK).await;
                }
            });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..20 {
            let from = rng.random_range(1..=3);
            let links = network.links(from);
            links.set(from % 3 + 1, LOSSY);
            network.send(from, from % 3 + 1, 3_u64);
            sleep(3 * TICK).await;
            links.set(from % 3 + 1, LinkFault::Deliver);
        }
        (network.digest(), network.deliveries())
    })
    .unwrap()
}

#[test]
fn one_seed_gives_one_schedule() {
    let (digest, deliveries) = gossip(7);
    assert!(deliveries > 100, "{deliveries}");
    for _ in 0..3 {
        assert_eq!(gossip(7), (digest, deliveries));
    }
    let others: BTreeSet<_> = (0..20).map(|seed| gossip(seed).0).collect();
    assert_eq!(others.len(), 20);
}

#[test]
fn a_healthy_link_delivers_all_within_two_milliseconds_in_any_order() {
    run_in_virtual_time(async {
        let (network, mut inbox) = two_nodes(1);
        let began = Instant::now();
        for message in 0..100 {
            network.send(1, 2, message);
        }
        let mut all = Vec::new();
        for _ in 0..100 {
            all.push(inbox.recv().await.unwrap().1);
        }
        assert_eq!(began.elapsed(), 2 * TICK);
        assert!(!all.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(network.links(1).disturbed(2), 0);
        assert_eq!(network.deliveries(), 100);
    })
    .unwrap();
}

#[test]
fn a_cut_has_a_direction_and_severs_what_is_on_its_way() {
    run_in_virtual_time(async {
        let (network, mut inbox) = two_nodes(1);
        let mut back = network.attach(1);
        let links = network.links(1);
        for message in 0..50 {
            network.send(1, 2, message);
        }
        let at_once = network.deliveries();
        assert!((1..50).contains(&at_once));
        links.set(2, LinkFault::Drop);
        network.send(1, 2, 50);
        network.send(2, 1, 51);
        assert_eq!(received(&mut inbox).await.len() as u64, at_once);
        assert_eq!(links.disturbed(2), 51 - at_once);
        assert_eq!(back.recv().await, Some((2, 51)));
        assert_eq!(network.links(2).disturbed(1), 0);
        links.set(2, LinkFault::Deliver);
        network.send(1, 2, 52);
        assert_eq!(received(&mut inbox).await, [52]);
    })
    .unwrap();
}

#[test]
fn a_delay_stays_with_the_message() {
    run_in_virtual_time(async {
        let (network, mut inbox) = two_nodes(1);
        let links = network.links(1);
        links.set(2, LinkFault::Delay(100 * TICK));
        let began = Instant::now();
        network.send(1, 2, 1);
        links.set(2, LinkFault::Deliver);
        network.send(1, 2, 2);
        assert_eq!(inbox.recv().await, Some((1, 2)));
        assert!(began.elapsed() <= 2 * TICK);
        assert_eq!(inbox.recv().await, Some((1, 1)));
        assert!((100 * TICK..=102 * TICK).contains(&began.elapsed()));
        assert_eq!(links.disturbed(2), 1);
    })
    .unwrap();
}

#[test]
fn a_lossy_link_loses_and_repeats() {
    run_in_virtual_time(async {
        let (network, mut inbox) = two_nodes(1);
        let links = network.links(1);
        for (lose, repeat, least, most) in [(500, 0, 1, 1), (0, 500, 1, 2), (1_000, 0, 0, 0)] {
            links.set(
                2,
                LinkFault::Lossy {
                    lose_per_mille: lose,
                    duplicate_per_mille: repeat,
                    reorder_per_mille: 0,
                },
            );
            let before = links.disturbed(2);
            for message in 0..100 {
                network.send(1, 2, message);
            }
            let got = received(&mut inbox).await;
            let distinct: BTreeSet<_> = got.iter().collect();
            let disturbed = links.disturbed(2) - before;
            assert_eq!(
                disturbed,
                (100 - distinct.len() + got.len() - distinct.len()) as u64
            );
            assert!((30..=100).contains(&disturbed), "{disturbed}");
            assert!(got.len() >= least * distinct.len() && got.len() <= most * distinct.len());
        }
    })
    .unwrap();
}

#[test]
fn a_swapped_message_comes_after_the_next() {
    run_in_virtual_time(async {
        let (network, mut inbox) = two_nodes(1);
        let links = network.links(1);
        let swap = LinkFault::Lossy {
            lose_per_mille: 0,
            duplicate_per_mille: 0,
            reorder_per_mille: 1_000,
        };
        links.set(2, swap);
        for pair in [[1, 2], [3, 4]] {
            for message in pair {
                network.send(1, 2, message);
                sleep(10 * TICK).await;
            }
        }
        network.send(1, 2, 5);
        assert_eq!(received(&mut inbox).await, [2, 1, 4, 3]);
        assert_eq!(links.disturbed(2), 3);
        links.set(2, LinkFault::Deliver);
        assert_eq!(received(&mut inbox).await, [5]);
    })
    .unwrap();
}

#[test]
fn what_is_on_its_way_to_an_earlier_attachment_is_lost() {
    run_in_virtual_time(async {
        let (network, mut old) = two_nodes(1);
        network.links(1).set(2, LinkFault::Delay(10 * TICK));
        network.send(1, 2, 1);
        let mut new = network.attach(2);
        network.send(1, 2, 2);
        assert_eq!(received(&mut new).await, [2]);
        assert_eq!(old.try_recv(), Err(TryRecvError::Disconnected));
        network.send(1, 2, 3);
        network.detach(2);
        network.send(1, 2, 4);
        sleep(20 * TICK).await;
        assert_eq!(new.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(
            (network.deliveries(), network.links(1).disturbed(2)),
            (1, 3)
        );
        let _again = network.attach(1);
        assert_eq!(network.links(1).disturbed(2), 0);
    })
    .unwrap();
}

#[test]
fn a_node_that_does_not_read_loses_what_is_too_much() {
    run_in_virtual_time(async {
        let (network, mut inbox) = two_nodes(1);
        let more = MAILBOX as u64 + 10;
        for message in 0..more {
            network.send(1, 2, message);
        }
        sleep(10 * TICK).await;
        assert_eq!(network.overflowed(), 10);
        assert_eq!(received(&mut inbox).await.len(), MAILBOX);
    })
    .unwrap();
}
