//! Nodes whose engines write down what they see.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each test uses its part, and one that cannot run has failed"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tsoracle_peer_transport::{
    ClusterId, Delivery, Dialer, Direction, EndReason, GroupId, Handler, Incarnation, LinkStatus,
    Me, MemoryNetwork, Peer, PeerId, Responder, Session, SessionChange, SessionEvent, Settings,
    StoreId, Transport,
};

pub(crate) const GROUP: GroupId = GroupId(7);
/// Of a call that should be answered, however slow the machine is.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What an engine saw, in its order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Message(PeerId, Bytes),
    Request(PeerId, Bytes),
    Session(SessionEvent),
}

/// How an engine treats requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Manner {
    #[default]
    Echo,
    Keep,
    Fail,
    Drop,
}

/// Writes down what it sees.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(crate) seen: Mutex<Vec<Seen>>,
    pub(crate) manner: Mutex<Manner>,
    pub(crate) kept: Mutex<Vec<Responder>>,
    /// Messages that there is still room for, if that is limited.
    pub(crate) room: Mutex<Option<usize>>,
}

impl Handler for Engine {
    fn on_message(&self, from: PeerId, payload: Bytes) -> Delivery {
        if let Some(room) = &mut *self.room.lock().unwrap() {
            if *room == 0 {
                return Delivery::Lost;
            }
            *room -= 1;
        }
        self.see(Seen::Message(from, payload));
        Delivery::Taken
    }

    fn on_request(&self, from: PeerId, payload: Bytes, responder: Responder) {
        self.see(Seen::Request(from, payload.clone()));
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Echo => responder.respond(payload),
            Manner::Keep => self.kept.lock().unwrap().push(responder),
            Manner::Fail => responder.fail("as told"),
            Manner::Drop => drop(responder),
        }
    }

    fn on_session(&self, event: SessionEvent) {
        self.see(Seen::Session(event));
    }
}

impl Engine {
    fn see(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn messages(&self, from: PeerId) -> Vec<Bytes> {
        let of = |seen| match seen {
            Seen::Message(peer, payload) if peer == from => Some(payload),
            _ => None,
        };
        self.all().into_iter().filter_map(of).collect()
    }

    pub(crate) fn requests(&self) -> usize {
        let all = self.all();
        all.iter()
            .filter(|seen| matches!(seen, Seen::Request(..)))
            .count()
    }

    pub(crate) fn events(
        &self,
        peer: PeerId,
        direction: Direction,
    ) -> Vec<(Session, SessionChange)> {
        let of = |seen| match seen {
            Seen::Session(event) if (event.peer, event.direction) == (peer, direction) => {
                Some((event.session, event.change))
            }
            _ => None,
        };
        self.all().into_iter().filter_map(of).collect()
    }

    /// Why sessions of a link ended, in order.
    pub(crate) fn ends(&self, peer: PeerId, direction: Direction) -> Vec<EndReason> {
        let of = |(_, change)| match change {
            SessionChange::Ended(reason) => Some(reason),
            SessionChange::Started => None,
        };
        self.events(peer, direction)
            .into_iter()
            .filter_map(of)
            .collect()
    }

    /// What came from a peer, by session; and no event of the link breaks the rules.
    pub(crate) fn by_session(&self, from: PeerId) -> BTreeMap<Session, Vec<Bytes>> {
        let mut current: Option<Session> = None;
        let mut newest = None;
        let mut by = BTreeMap::new();
        for seen in self.all() {
            match seen {
                Seen::Session(e) if e.peer == from && e.direction == Direction::Incoming => {
                    match e.change {
                        SessionChange::Started => {
                            assert_eq!(current, None, "two sessions at a time");
                            assert!(newest < Some(e.session), "an older session came back");
                            (current, newest) = (Some(e.session), Some(e.session));
                            by.insert(e.session, Vec::new());
                        }
                        SessionChange::Ended(_) => assert_eq!(current.take(), Some(e.session)),
                    }
                }
                Seen::Message(peer, payload) if peer == from => {
                    let session = current.expect("a message outside of sessions");
                    by.get_mut(&session).unwrap().push(payload);
                }
                _ => {}
            }
        }
        by
    }
}

/// One node and its engine.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: PeerId,
    pub(crate) transport: Transport,
    pub(crate) engine: Arc<Engine>,
}

pub(crate) fn name(node: u64) -> String {
    format!("node-{node}")
}

pub(crate) fn me(node: u64, life: u64) -> Me {
    Me {
        cluster: ClusterId(42),
        node: PeerId(node),
        store: StoreId(u128::from(node) + 1_000),
        incarnation: Incarnation::counted(life),
    }
}

pub(crate) fn settings(node: u64, of: u64) -> Settings {
    let others = (1..=of).filter(|other| *other != node);
    let peers = others.map(|other| Peer::new(PeerId(other), name(other)));
    let mut settings = Settings::new(me(node, 1), peers.collect());
    settings.seed = node;
    settings
}

impl Node {
    pub(crate) fn start(network: &MemoryNetwork, settings: Settings) -> Self {
        Self::start_with(network, settings, network.clone())
    }

    pub(crate) fn start_with(
        network: &MemoryNetwork,
        settings: Settings,
        dialer: impl Dialer,
    ) -> Self {
        let id = settings.me.node;
        let listener = network.bind(&name(id.0)).unwrap();
        let transport = Transport::start(settings, listener, dialer).unwrap();
        let engine = Arc::new(Engine::default());
        transport.register(GROUP, engine.clone()).unwrap();
        Self {
            id,
            transport,
            engine,
        }
    }

    pub(crate) fn send(&self, to: &Node, payload: impl Into<Bytes>) -> Session {
        self.transport.send(to.id, GROUP, payload).unwrap()
    }

    /// Waits until the sessions between two nodes are known to both engines.
    pub(crate) async fn linked(&self, other: &Node) {
        let known = |of: &Node, to: &Node, direction| {
            let last = of.engine.events(to.id, direction).pop();
            last.is_some_and(|(_, change)| change == SessionChange::Started)
        };
        until("two nodes are linked", || {
            [(self, other), (other, self)].iter().all(|(a, b)| {
                a.transport.link(b.id) == Some(LinkStatus::Up)
                    && known(a, b, Direction::Outgoing)
                    && known(b, a, Direction::Incoming)
            })
        })
        .await;
    }

    pub(crate) fn counts(&self, of: PeerId) -> tsoracle_peer_transport::PeerCounts {
        let counts = self.transport.counts().peers;
        counts.into_iter().find(|(peer, _)| *peer == of).unwrap().1
    }
}

/// Nodes 1 to `n` in memory, all linked.
pub(crate) async fn cluster(n: u64) -> (MemoryNetwork, Vec<Node>) {
    let network = MemoryNetwork::default();
    let start = |node| Node::start(&network, settings(node, n));
    let nodes: Vec<_> = (1..=n).map(start).collect();
    for a in &nodes {
        for b in nodes.iter().filter(|b| b.id > a.id) {
            a.linked(b).await;
        }
    }
    (network, nodes)
}

/// Waits for a condition, with a limit.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < limit, "waited in vain until {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Numbers for a test: seeded, and printed when the test fails.
pub(crate) fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let only = std::env::var("TRANSPORT_SEED").ok();
    let only = only.map(|seed| seed.parse::<u64>().unwrap());
    let from = only.unwrap_or(1);
    let to = only.unwrap_or(count);
    (from..=to).inspect(|seed| println!("replay with TRANSPORT_SEED={seed}"))
}
