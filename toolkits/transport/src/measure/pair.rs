//! Two nodes over TCP, and an engine at the second that echoes and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::MeasureError;
use crate::{
    ClusterId, Delivery, GroupId, Handler, Incarnation, Listener, Me, Peer, PeerId, Responder,
    SendError, SessionEvent, Settings, StoreId, TcpAcceptor, TcpDialer, Transport,
};

const GROUP: GroupId = GroupId(1);
const FIRST: PeerId = PeerId(1);
const SECOND: PeerId = PeerId(2);

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two nodes, linked both ways. Dropped, it ends both.
#[derive(Debug)]
pub struct Pair {
    first: Transport,
    _second: Transport,
    echo: Arc<Echo>,
}

#[derive(Debug, Default)]
struct Echo {
    received: AtomicU64,
    awaited: AtomicU64,
    arrived: Notify,
}

impl Handler for Echo {
    fn on_message(&self, _: PeerId, _: Bytes) -> Delivery {
        let received = self.received.fetch_add(1, Ordering::AcqRel) + 1;
        if received == self.awaited.load(Ordering::Acquire) {
            self.arrived.notify_one();
        }
        Delivery::Taken
    }

    fn on_request(&self, _: PeerId, payload: Bytes, responder: Responder) {
        responder.respond(payload);
    }

    fn on_session(&self, _: SessionEvent) {}
}

impl Pair {
    /// Starts both nodes on free ports of the loopback, and waits for their links.
    ///
    /// # Errors
    /// [`MeasureError`].
    pub async fn start() -> Result<Self, MeasureError> {
        let listeners = [
            TcpAcceptor::bind("127.0.0.1:0").await?,
            TcpAcceptor::bind("127.0.0.1:0").await?,
        ];
        let endpoints = [listeners[0].endpoint(), listeners[1].endpoint()];
        let [near, far] = listeners;
        let first = node(FIRST, SECOND, &endpoints[1], near)?;
        let second = node(SECOND, FIRST, &endpoints[0], far)?;
        let echo = Arc::new(Echo::default());
        let group = Arc::clone(&echo);
        // A new transport has no other handler.
        let _ = second.register(GROUP, group);
        let pair = Self {
            first,
            _second: second,
            echo,
        };
        pair.calls(1, 1).await?;
        Ok(pair)
    }

    /// Times of so many calls, one after the other.
    ///
    /// # Errors
    /// [`MeasureError::Call`].
    pub async fn calls(
        &self,
        payload: usize,
        samples: usize,
    ) -> Result<Vec<Duration>, MeasureError> {
        let mut times = Vec::with_capacity(samples);
        for _ in 0..samples {
            let request = vec![7; payload];
            let begun = Instant::now();
            let answer = self.first.call(SECOND, GROUP, request, PATIENCE);
            answer.await?;
            times.push(begun.elapsed());
        }
        Ok(times)
    }

    /// The time from the first send to the last arrival of so many messages, sent as fast as the
    /// queue takes them.
    ///
    /// # Errors
    /// [`MeasureError::Lost`].
    pub async fn messages(&self, payload: usize, count: u64) -> Result<Duration, MeasureError> {
        let before = self.echo.received.load(Ordering::Acquire);
        self.echo.awaited.store(before + count, Ordering::Release);
        let payload = Bytes::from(vec![7; payload]);
        let lost = || MeasureError::Lost {
            sent: count,
            received: self.echo.received.load(Ordering::Acquire) - before,
        };
        let begun = Instant::now();
        for sent in 0..count {
            // Not more under way than fits the queue.
            while sent - (self.echo.received.load(Ordering::Acquire) - before) > 16_384 {
                tokio::task::yield_now().await;
            }
            let accepted: Result<_, SendError> = self.first.send(SECOND, GROUP, payload.clone());
            accepted.map_err(|_| lost())?;
        }
        let arrived = timeout(PATIENCE, self.echo.arrived.notified()).await;
        arrived.map_err(|_| lost())?;
        Ok(begun.elapsed())
    }
}

fn node(
    node: PeerId,
    peer: PeerId,
    endpoint: &str,
    listener: TcpAcceptor,
) -> Result<Transport, MeasureError> {
    let me = Me {
        cluster: ClusterId(1),
        node,
        store: StoreId(u128::from(node.0)),
        incarnation: Incarnation::counted(1),
    };
    let settings = Settings::new(me, vec![Peer::new(peer, endpoint)]);
    Ok(Transport::start(settings, listener, TcpDialer)?)
}
