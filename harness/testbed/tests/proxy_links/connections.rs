//! Connections without a fault, and the ends of everything.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tsoracle_consensus::Member;
use tsoracle_testbed::{LinkFault, ProxyLinks};

use crate::peers::{LIMIT, Peers, Wire, assert_refused, dial, receive, send, within};

#[tokio::test]
async fn five_nodes_reach_each_other_by_endpoints_of_their_own() {
    let peers = Peers::new(5).await;
    let mut endpoints = std::collections::HashSet::new();
    for from in 1..=5 {
        for to in (1..=5).filter(|to| *to != from) {
            assert!(endpoints.insert(peers.endpoint(from, to)));
            peers.connect(from, to).await.assert_whole().await;
            assert_eq!(peers.proxies.disturbed(from, to), 0);
        }
    }
    let view = peers.proxies.view(3, &peers.members).unwrap();
    assert_eq!(view[2], peers.members[2]);
    assert_eq!(view[1].service_endpoint, peers.members[1].service_endpoint);
}

#[tokio::test]
async fn a_proxy_in_a_list_of_members_stands_for_what_is_behind_it() {
    let peers = Peers::new(3).await;
    let seen_by_one = peers.proxies.view(1, &peers.members).unwrap();
    let seen_by_two = peers.proxies.view(2, &seen_by_one).unwrap();
    assert_eq!(seen_by_two[1], peers.members[1]);
    peers.proxies.set(1, 3, LinkFault::Drop);
    let opener = dial(&seen_by_two[2].peer_endpoint).await;
    let target = peers.accept(3).await;
    Wire { opener, target }.assert_whole().await;
}

#[tokio::test]
async fn the_end_of_a_stream_passes_and_leaves_the_other_direction_open() {
    let peers = Peers::new(2).await;
    let mut wire = peers.connect(1, 2).await;
    send(&mut wire.opener, b"ask").await;
    wire.opener.shutdown().await.unwrap();
    let mut asked = Vec::new();
    let read = wire.target.read_to_end(&mut asked);
    within("the end of a stream", read).await.unwrap();
    assert_eq!(asked, b"ask");
    send(&mut wire.target, b"tell").await;
    assert_eq!(receive(&mut wire.opener, 4).await, b"tell");
}

#[tokio::test]
async fn a_writer_learns_that_its_reader_is_gone() {
    let peers = Peers::new(2).await;
    let mut wire = peers.connect(1, 2).await;
    wire.opener.shutdown().await.unwrap();
    let read = within("the end of a stream", wire.target.read(&mut [0; 1])).await;
    assert_eq!(read.unwrap(), 0);
    drop(wire.opener);
    let flood = vec![7; 64 * 1024 * 1024];
    let written = within("the end of a write", wire.target.write_all(&flood)).await;
    assert!(written.is_err());
}

#[tokio::test]
async fn a_connection_to_a_member_that_is_down_is_reset() {
    let mut peers = Peers::new(2).await;
    let endpoint = peers.endpoint(1, 2);
    drop(peers.listeners.pop());
    assert_refused(&endpoint).await;

    let back = &peers.members[1].peer_endpoint;
    let listener = tokio::net::TcpListener::bind(back).await.unwrap();
    peers.listeners.push(listener);
    peers.connect(1, 2).await.assert_whole().await;
}

#[tokio::test]
async fn a_member_that_moves_is_found_by_the_same_endpoint() {
    let mut peers = Peers::new(2).await;
    let endpoint = peers.endpoint(1, 2);
    let moved = peers.settle().await;
    peers.members[1].peer_endpoint = moved.peer_endpoint;
    assert_eq!(peers.endpoint(1, 2), endpoint);
    let opener = dial(&endpoint).await;
    let target = peers.accept(3).await;
    Wire { opener, target }.assert_whole().await;
}

/// The other links do not notice, another connection of the same link included.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_up_its_writer_and_nobody_else() {
    const FLOOD: usize = 64 * 1024 * 1024;
    let peers = Peers::new(3).await;
    let Wire {
        mut opener,
        mut target,
    } = peers.connect(1, 2).await;
    let flood = tokio::spawn(async move {
        opener.write_all(&vec![7; FLOOD]).await.unwrap();
        opener
    });
    let mut others = [
        peers.connect(1, 2).await,
        peers.connect(2, 1).await,
        peers.connect(1, 3).await,
    ];
    for _ in 0..300 {
        for wire in &mut others {
            wire.assert_whole().await;
        }
    }
    assert!(!flood.is_finished(), "{FLOOD} bytes are under way");
    let arrived = receive(&mut target, FLOOD).await;
    assert!(arrived.iter().all(|byte| *byte == 7));
    drop(within("the end of a flood", flood).await.unwrap());
}

#[test]
fn proxies_work_outside_of_a_runtime_and_release_their_ports() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxies = ProxyLinks::new(1).unwrap();
    let member = Member {
        node: 2,
        peer_endpoint: listener.local_addr().unwrap().to_string(),
        service_endpoint: String::new(),
    };
    let seen = proxies.seen_by(1, &member).unwrap();
    let mut opener = TcpStream::connect(&seen.peer_endpoint).unwrap();
    let (mut target, _) = listener.accept().unwrap();
    for end in [&opener, &target] {
        end.set_read_timeout(Some(LIMIT)).unwrap();
    }
    opener.write_all(b"ask").unwrap();
    let mut asked = [0; 3];
    target.read_exact(&mut asked).unwrap();

    drop(proxies);
    assert_eq!(opener.read(&mut asked).unwrap_or(0), 0);
    assert_eq!(target.read(&mut asked).unwrap_or(0), 0);
    let refused = TcpStream::connect(&seen.peer_endpoint).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    TcpListener::bind(&seen.peer_endpoint).unwrap();
}

#[tokio::test]
async fn proxies_can_be_dropped_inside_of_a_runtime() {
    let peers = Peers::new(2).await;
    let endpoint = peers.endpoint(1, 2);
    let Wire { mut opener, .. } = peers.connect(1, 2).await;
    drop(peers.proxies);
    let read = within("the end of a connection", opener.read(&mut [0; 1])).await;
    assert_eq!(read.unwrap_or(0), 0);
    assert!(tokio::net::TcpStream::connect(&endpoint).await.is_err());
}
