//! Nodes over TCP, on the real clock.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tsoracle_peer_transport::{
    Counts, GroupId, Listener, Peer, PeerId, Settings, StartError, TcpAcceptor, TcpDialer,
    Transport,
};

use common::{Engine, GROUP, Node, SOON, me, until};

async fn three() -> Vec<Node> {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpAcceptor::bind("127.0.0.1:0").await.unwrap());
    }
    let endpoints: Vec<_> = listeners.iter().map(Listener::endpoint).collect();
    let start = |(node, listener)| {
        let others = (1..=3).zip(&endpoints).filter(|(other, _)| *other != node);
        let peers = others.map(|(other, endpoint)| Peer::new(PeerId(other), endpoint.as_str()));
        let settings = Settings::new(me(node, 1), peers.collect());
        let transport = Transport::start(settings, listener, TcpDialer).unwrap();
        let engine = Arc::new(Engine::default());
        transport.register(GROUP, engine.clone()).unwrap();
        let id = PeerId(node);
        Node {
            id,
            transport,
            engine,
        }
    };
    (1..=3).zip(listeners).map(start).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_talk_and_free_their_ports() {
    let nodes = three().await;
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        nodes[a].linked(&nodes[b]).await;
    }
    for from in &nodes {
        for to in nodes.iter().filter(|to| to.id != from.id) {
            for n in 0..2_000_u32 {
                from.send(to, n.to_be_bytes().to_vec());
            }
            let large = Bytes::from(vec![5; 3 << 20]);
            let answer = from.transport.call(to.id, GROUP, large.clone(), SOON).await;
            assert!(answer == Ok(large));
        }
    }
    for from in &nodes {
        for to in nodes.iter().filter(|to| to.id != from.id) {
            until("all came", || to.engine.messages(from.id).len() == 2_000).await;
            assert_eq!(to.engine.by_session(from.id).len(), 1);
        }
    }
    let counts = nodes[0].transport.counts();
    let json = serde_json::to_string(&counts).unwrap();
    assert_eq!(
        serde_json::from_str::<Counts>(&json).unwrap().peers.len(),
        2
    );
    let endpoint = nodes[0].transport.endpoint().to_owned();
    nodes[0].transport.shutdown().await.unwrap();
    assert!(TcpStream::connect(&endpoint).await.is_err());
    TcpAcceptor::bind(&endpoint).await.unwrap();
    for node in &nodes {
        node.transport.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let holder = TcpAcceptor::bind("127.0.0.1:0").await.unwrap();
    let taken = holder.endpoint();
    let error = TcpAcceptor::bind(&taken).await.unwrap_err();
    assert!(matches!(&error, StartError::Bind { address, .. } if *address == taken));
    assert!(error.to_string().contains(&taken), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() {
    let refused = |change: fn(&mut Settings)| async move {
        let mut settings = Settings::new(me(1, 1), vec![Peer::new(PeerId(2), "nowhere:1")]);
        change(&mut settings);
        let listener = TcpAcceptor::bind("127.0.0.1:0").await.unwrap();
        let error = Transport::start(settings, listener, TcpDialer).unwrap_err();
        error.to_string()
    };
    let chunk = refused(|s| s.limits.chunk_bytes = 1 << 30).await;
    assert!(chunk.contains("limits.chunk_bytes"), "{chunk}");
    let silence = refused(|s| s.times.silence = s.times.heartbeat).await;
    assert!(silence.contains("times.silence"), "{silence}");
    let twice = refused(|s| s.peers.push(s.peers[0].clone())).await;
    assert!(twice.contains("node 2 is a peer already"), "{twice}");
    assert_eq!(GroupId(7), GROUP);
}
