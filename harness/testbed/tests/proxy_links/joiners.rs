//! A member that joins later, whom all others know by one endpoint.

use tsoracle_consensus::Member;
use tsoracle_testbed::LinkFault;

use crate::peers::{Peers, Wire, assert_reset, dial, send};

/// Three members that know each other, and a fourth as it is announced to them.
async fn joined() -> (Peers, Member) {
    let mut peers = Peers::new(3).await;
    for node in 1..=3 {
        peers.proxies.view(node, &peers.members).unwrap();
    }
    let joiner = peers.settle().await;
    peers.proxies.view(4, &peers.members).unwrap();
    let announced = peers.proxies.announced(&joiner).unwrap();
    assert_ne!(announced.peer_endpoint, joiner.peer_endpoint);
    (peers, announced)
}

async fn connect(peers: &Peers, announced: &Member) -> Wire {
    let opener = dial(&announced.peer_endpoint).await;
    let target = peers.accept(4).await;
    Wire { opener, target }
}

#[tokio::test]
async fn a_joiner_that_is_cut_off_from_all_is_cut_off() {
    let (peers, announced) = joined().await;
    let mut wire = connect(&peers, &announced).await;
    wire.assert_whole().await;
    for node in 1..=3 {
        peers.proxies.set(node, 4, LinkFault::Drop);
        peers.proxies.set(4, node, LinkFault::Drop);
    }
    send(&mut wire.opener, b"lost").await;
    send(&mut wire.target, b"lost").await;
    for node in 1..=3 {
        peers.wait_for_disturbed(node, 4, 1).await;
        peers.wait_for_disturbed(4, node, 1).await;
    }
    peers.proxies.set(2, 4, LinkFault::Deliver);
    assert_reset(&mut wire.opener).await;
    assert_reset(&mut wire.target).await;
}

#[tokio::test]
async fn one_cut_link_of_a_joiner_shows_only_where_it_can_be_told() {
    let (peers, announced) = joined().await;
    peers.proxies.set(1, 4, LinkFault::Drop);
    connect(&peers, &announced).await.assert_whole().await;
    assert_eq!(peers.proxies.disturbed(1, 4), 0);

    let mut opened_by_joiner = peers.connect(4, 1).await;
    send(&mut opened_by_joiner.target, b"lost").await;
    peers.wait_for_disturbed(1, 4, 1).await;
    peers.connect(4, 2).await.assert_whole().await;
}

#[tokio::test]
async fn a_joiner_that_sees_members_behind_proxies_gets_proxies_of_its_own() {
    let (peers, announced) = joined().await;
    let mut members = peers.proxies.view(1, &peers.members[..3]).unwrap();
    members.push(announced);
    let seen = peers.proxies.view(4, &members).unwrap();
    let direct = peers.proxies.view(4, &peers.members).unwrap();
    assert_eq!(seen, direct);
    assert_eq!(seen[3], peers.members[3]);
}
