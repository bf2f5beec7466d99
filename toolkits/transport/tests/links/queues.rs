//! Queues are bounded, and one peer that does not read delays no other.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tsoracle_peer_transport::{
    CallError, Dialer, Direction, EndReason, Io, MemoryNetwork, PeerId, SendError,
};

use crate::common::{GROUP, Node, SOON, name, settings, until};

/// A network on which everything to one endpoint stands still when told so.
#[derive(Clone, Debug)]
struct Stalling {
    network: MemoryNetwork,
    endpoint: String,
    stalled: Arc<AtomicBool>,
}

#[async_trait]
impl Dialer for Stalling {
    async fn dial(&self, endpoint: &str) -> io::Result<Box<dyn Io>> {
        let io = self.network.dial(endpoint).await?;
        if endpoint != self.endpoint {
            return Ok(io);
        }
        let stalled = Arc::clone(&self.stalled);
        Ok(Box::new(StallingIo { io, stalled }))
    }
}

struct StallingIo {
    io: Box<dyn Io>,
    stalled: Arc<AtomicBool>,
}

impl AsyncRead for StallingIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for StallingIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.stalled.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Node 1, whose link to node 2 can be made to stand still, node 2 and node 3.
async fn three() -> (Node, Node, Node, Arc<AtomicBool>) {
    let network = MemoryNetwork::default();
    let stalled = Arc::new(AtomicBool::new(false));
    let stalling = Stalling {
        network: network.clone(),
        endpoint: name(2),
        stalled: Arc::clone(&stalled),
    };
    let mut first = settings(1, 3);
    (first.limits.queue_frames, first.limits.queue_bytes) = (1_000, 1 << 20);
    let a = Node::start_with(&network, first, stalling);
    let b = Node::start(&network, settings(2, 3));
    let c = Node::start(&network, settings(3, 3));
    a.linked(&b).await;
    a.linked(&c).await;
    (a, b, c, stalled)
}

/// Sends until the queue is full, and says how many messages it took.
fn fill(a: &Node, to: PeerId, payload: &Bytes) -> usize {
    for taken in 0..1_000_000 {
        match a.transport.send(to, GROUP, payload.clone()) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, SendError::QueueFull { peer: to });
                return taken;
            }
        }
    }
    panic!("the queue is not bounded");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_ends_the_session_on_both_ends_and_delays_no_other() {
    let (a, b, c, stalled) = three().await;
    stalled.store(true, Ordering::SeqCst);
    let call = a.transport.call(b.id, GROUP, "never sent", SOON);
    let rest = async {
        tokio::task::yield_now().await;
        assert!(fill(&a, b.id, &Bytes::from_static(b"small")) <= 1_000);
        for n in 0..100_u32 {
            a.send(&c, n.to_string());
        }
        until("the other peer has all", || {
            c.engine.messages(a.id).len() == 100
        })
        .await;
        a.transport.call(c.id, GROUP, "x", SOON).await.unwrap();
    };
    let (failed, ()) = tokio::join!(call, rest);
    assert!(
        matches!(failed, Err(CallError::Unreachable { .. })),
        "{failed:?}"
    );
    until("both are told", || {
        let out = a.engine.ends(b.id, Direction::Outgoing);
        out.first() == Some(&EndReason::QueueFull)
            && !b.engine.ends(a.id, Direction::Incoming).is_empty()
    })
    .await;
    assert_eq!(a.counts(b.id).dropped_queue_full, 1);
    assert_eq!(a.counts(b.id).queue_frames, 0, "what it held is gone");
    assert!(a.engine.ends(c.id, Direction::Outgoing).is_empty());
    stalled.store(false, Ordering::SeqCst);
    a.linked(&b).await;
    a.send(&b, "again");
    until("it came", || {
        b.engine.messages(a.id).contains(&Bytes::from("again"))
    })
    .await;
    b.engine.by_session(a.id);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_in_bytes_too() {
    let (a, b, _c, stalled) = three().await;
    stalled.store(true, Ordering::SeqCst);
    let taken = fill(&a, b.id, &Bytes::from(vec![0; 32 << 10]));
    assert!((20..=32).contains(&taken), "{taken} times 32 KiB in 1 MiB");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_no_room_fails_alone() {
    let (a, b, _c, stalled) = three().await;
    stalled.store(true, Ordering::SeqCst);
    let large = Bytes::from(vec![0; 900 << 10]);
    a.send(&b, large.clone());
    let full = a.transport.call(b.id, GROUP, large, SOON).await;
    assert_eq!(full, Err(CallError::QueueFull { peer: b.id }));
    assert!(a.engine.ends(b.id, Direction::Outgoing).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_link_that_stands_still_is_noticed_on_both_ends() {
    let (a, b, _c, stalled) = three().await;
    stalled.store(true, Ordering::SeqCst);
    until("both are told", || {
        let ends = [
            a.engine.ends(b.id, Direction::Outgoing),
            b.engine.ends(a.id, Direction::Incoming),
        ];
        ends.iter().all(|ends| ends.len() == 1)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_never_reads_delays_no_other() {
    let network = MemoryNetwork::default();
    let mut deaf = network.bind(&name(3)).unwrap();
    let holding = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Some(connection) = deaf.accept_raw().await {
            held.push(connection);
        }
    });
    let a = Node::start(&network, settings(1, 3));
    let b = Node::start(&network, settings(2, 3));
    a.linked(&b).await;
    for n in 0..1_000_u32 {
        a.send(&b, n.to_string());
        let refused = a.transport.send(PeerId(3), GROUP, "x");
        assert!(matches!(refused, Err(SendError::NoSession { .. })));
    }
    until("all came", || b.engine.messages(a.id).len() == 1_000).await;
    a.transport.shutdown().await.unwrap();
    b.transport.shutdown().await.unwrap();
    holding.abort();
}
