//! Members that only listen, and both ends of the connections between them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tsoracle_consensus::{Member, NodeId};
use tsoracle_testbed::{Patience, ProxyLinks};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Members behind proxies; the first is number 1.
pub(crate) struct Peers {
    pub(crate) proxies: ProxyLinks,
    pub(crate) members: Vec<Member>,
    pub(crate) listeners: Vec<TcpListener>,
}

impl Peers {
    pub(crate) async fn new(count: NodeId) -> Self {
        Self::with_seed(count, 1).await
    }

    pub(crate) async fn with_seed(count: NodeId, seed: u64) -> Self {
        let mut peers = Self {
            proxies: ProxyLinks::new(seed).unwrap(),
            members: Vec::new(),
            listeners: Vec::new(),
        };
        for _ in 0..count {
            peers.settle().await;
        }
        peers
    }

    /// One more member, which listens.
    pub(crate) async fn settle(&mut self) -> Member {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let member = Member {
            node: self.members.len() as NodeId + 1,
            peer_endpoint: listener.local_addr().unwrap().to_string(),
            service_endpoint: "127.0.0.1:1".to_owned(),
        };
        self.members.push(member.clone());
        self.listeners.push(listener);
        member
    }

    /// Where one node is told that another is.
    pub(crate) fn endpoint(&self, from: NodeId, to: NodeId) -> String {
        let view = self.proxies.view(from, &self.members).unwrap();
        view[place(to)].peer_endpoint.clone()
    }

    /// Both ends of a new connection from one node to another.
    pub(crate) async fn connect(&self, from: NodeId, to: NodeId) -> Wire {
        let opener = dial(&self.endpoint(from, to)).await;
        Wire {
            opener,
            target: self.accept(to).await,
        }
    }

    pub(crate) async fn accept(&self, node: NodeId) -> TcpStream {
        let accepted = within("a connection", self.listeners[place(node)].accept()).await;
        accepted.unwrap().0
    }

    pub(crate) async fn wait_for_disturbed(&self, from: NodeId, to: NodeId, at_least: u64) {
        let counted = async {
            while self.proxies.disturbed(from, to) < at_least {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within("a disturbed read", counted).await;
    }
}

/// The two ends of one connection.
pub(crate) struct Wire {
    pub(crate) opener: TcpStream,
    pub(crate) target: TcpStream,
}

impl Wire {
    /// Something passes both ways.
    pub(crate) async fn assert_whole(&mut self) {
        send(&mut self.opener, b"ask").await;
        assert_eq!(receive(&mut self.target, 3).await, b"ask");
        send(&mut self.target, b"tell").await;
        assert_eq!(receive(&mut self.opener, 4).await, b"tell");
    }
}

pub(crate) async fn dial(endpoint: &str) -> TcpStream {
    let dialed = within("a proxy that accepts", TcpStream::connect(endpoint)).await;
    dialed.unwrap()
}

pub(crate) async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    within("a write", stream.write_all(bytes)).await.unwrap();
}

pub(crate) async fn receive(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let read = within("bytes that were sent", stream.read_exact(&mut bytes)).await;
    read.unwrap();
    bytes
}

/// The connection breaks, and nothing arrives before: an end of the stream would be a lie.
pub(crate) async fn assert_reset(stream: &mut TcpStream) {
    let read = within("a reset", stream.read(&mut [0; 16])).await;
    let kind = read.map_err(|error| error.kind());
    assert_eq!(kind, Err(std::io::ErrorKind::ConnectionReset));
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    Patience::new(LIMIT).wait_for(what, future).await.unwrap()
}

/// Nobody is behind the endpoint, which may show before it can be said that it was reached.
pub(crate) async fn assert_refused(endpoint: &str) {
    match within("an answer", TcpStream::connect(endpoint)).await {
        Ok(mut stream) => assert_reset(&mut stream).await,
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

fn place(node: NodeId) -> usize {
    usize::try_from(node).unwrap() - 1
}
