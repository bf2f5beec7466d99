//! A cluster in memory: the transport's own network and sessions, disks that lose power.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tsoracle_paxos_toolkit::fakes::{MemoryDisk, MemoryStorage};
use tsoracle_paxos_toolkit::{
    AppendError, Appended, Apply, Attached, Decided, GroupTimes, Handle, Leadership, LeaseSettings,
    Members, PaxosBallot, PaxosRunner, RunnerSettings, TransportSink, attach,
};
use tsoracle_peer_transport::{
    ClusterId, GroupId, Incarnation, LinkFault, Me, MemoryNetwork, Peer, PeerId, Settings, StoreId,
    Transport,
};

use super::leases::{Leases, Observer, Tap};
use super::{Command, SOON, Total};

const GROUP: GroupId = GroupId(9);

/// What a node's service has applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applied {
    pub(crate) sum: u64,
    /// The entries since the last snapshot that was installed, and where they begin.
    pub(crate) from: usize,
    pub(crate) entries: Vec<Command>,
    pub(crate) stopped: bool,
}

/// A service that applies on the engine's thread.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) state: Arc<Mutex<Applied>>,
    pub(crate) handle: Option<Handle<Command>>,
}

impl Apply<Command> for Service {
    fn begin(&mut self, handle: Handle<Command>) {
        self.handle = Some(handle);
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn apply(&mut self, decided: Decided<Command>) {
        let end = decided.end();
        let mut state = self.state.lock().unwrap();
        match decided {
            Decided::Entries { from, entries } => {
                assert_eq!(from, state.from + state.entries.len(), "the log has a gap");
                state.sum += entries.iter().map(|entry| entry.add).sum::<u64>();
                state.entries.extend(entries);
            }
            Decided::Snapshot { up_to, snapshot } => {
                let Total(sum) = snapshot;
                *state = Applied {
                    sum,
                    from: up_to,
                    ..Applied::default()
                };
            }
            Decided::Trimmed { .. } => panic!("nothing is trimmed here"),
            Decided::StopSign { .. } => state.stopped = true,
        }
        drop(state);
        self.handle.as_ref().unwrap().applied(end);
    }
}

pub(crate) struct Node {
    pub(crate) runner: PaxosRunner<Command, MemoryStorage<Command>>,
    pub(crate) handle: Handle<Command>,
    pub(crate) transport: Transport,
    pub(crate) state: Arc<Mutex<Applied>>,
    _attached: Attached,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) times: GroupTimes,
    pub(crate) lease: bool,
    pub(crate) members: Members,
    pub(crate) undecided: usize,
}

impl Options {
    /// Times of which a busy machine does not make elections.
    pub(crate) fn new(nodes: u64) -> Self {
        let ms = Duration::from_millis;
        let calm = GroupTimes {
            election_ticks: 20,
            grant: ms(500),
            interval: ms(100),
            ..GroupTimes::default()
        };
        Self {
            times: calm,
            lease: true,
            members: Members::new(1, 1..=nodes),
            undecided: 65_536,
        }
    }

    /// The curated times.
    pub(crate) fn quick(mut self) -> Self {
        self.times = GroupTimes::default();
        self
    }

    pub(crate) fn without_lease(mut self) -> Self {
        self.lease = false;
        self
    }
}

pub(crate) struct Cluster {
    pub(crate) options: Options,
    pub(crate) nodes: BTreeMap<u64, Node>,
    pub(crate) disks: BTreeMap<u64, MemoryDisk<Command>>,
    pub(crate) leases: Arc<Leases>,
    network: MemoryNetwork,
    lives: BTreeMap<u64, u64>,
}

impl Cluster {
    pub(crate) async fn start(options: Options) -> Self {
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            leases: Arc::default(),
            network: MemoryNetwork::default(),
            lives: BTreeMap::new(),
            options,
        };
        for node in cluster.options.members.pids() {
            cluster.disks.insert(node, MemoryDisk::default());
            cluster.boot(node);
        }
        cluster
    }

    pub(crate) fn boot(&mut self, node: u64) {
        let life = self.lives.entry(node).or_insert(0);
        *life += 1;
        let me = Me {
            cluster: ClusterId(1),
            node: PeerId(node),
            store: StoreId(node.into()),
            incarnation: Incarnation::counted(*life),
        };
        let others = self
            .options
            .members
            .pids()
            .into_iter()
            .filter(|peer| *peer != node);
        let peers = others.map(|peer| Peer::new(PeerId(peer), peer.to_string()));
        let mut settings = Settings::new(me, peers.collect());
        let pids = self.options.members.pids();
        settings.timing = self.options.times.handshake(self.options.lease, pids);
        settings.times.reconnect_max = Duration::from_millis(40);
        let listener = self.network.bind(&node.to_string()).unwrap();
        let transport = Transport::start(settings, listener, self.network.clone()).unwrap();

        let mut settings = RunnerSettings::new(node, *life, self.options.members.clone());
        settings.times = self.options.times;
        settings.limits.undecided = self.options.undecided;
        let observer = Observer {
            node,
            leases: Arc::clone(&self.leases),
        };
        let lease = LeaseSettings::observed(Arc::new(observer));
        settings.lease = self.options.lease.then_some(lease);
        let state = Arc::default();
        let service = Service {
            state: Arc::clone(&state),
            handle: None,
        };
        let sink = Tap {
            node,
            leases: Arc::clone(&self.leases),
            sink: TransportSink::new(transport.clone(), GROUP),
        };
        let storage = self.disks[&node].open();
        let runner = PaxosRunner::start(&settings, storage, sink, service).unwrap();
        let attached = attach(&transport, GROUP, runner.inbound()).unwrap();
        let node_of = Node {
            handle: runner.handle(),
            runner,
            transport,
            state,
            _attached: attached,
        };
        self.nodes.insert(node, node_of);
        self.isolate(node, false);
    }

    /// The node is gone without a word, and its disk has lost power.
    pub(crate) async fn crash(&mut self, node: u64) {
        self.isolate(node, true);
        self.disks[&node].crash();
        let gone = self.nodes.remove(&node).unwrap();
        gone.runner.shutdown(SOON).await.unwrap();
        gone.transport.shutdown().await.unwrap();
    }

    pub(crate) fn cut(&self, from: u64, to: u64) {
        self.fault(from, to, LinkFault::CUT);
    }

    pub(crate) fn fault(&self, from: u64, to: u64, fault: LinkFault) {
        self.nodes[&from].transport.faults().set(PeerId(to), fault);
    }

    /// Cuts a node off from all others, or heals that.
    pub(crate) fn isolate(&self, node: u64, cut: bool) {
        let fault = if cut { LinkFault::CUT } else { LinkFault::NONE };
        for other in self.nodes.keys().filter(|other| **other != node) {
            self.fault(node, *other, fault);
            self.fault(*other, node, fault);
        }
    }

    /// Waits for a leader, with a valid lease where there are leases, that all these nodes follow.
    pub(crate) async fn leader_of(&self, nodes: &[u64]) -> (u64, PaxosBallot) {
        let found = || {
            let leader = nodes.iter().find_map(|node| {
                let leads = self.leadership(*node).leads()?;
                let valid = !self.options.lease || self.leases.is_valid(*node);
                valid.then_some((*node, leads))
            });
            leader.filter(|(leader, ballot)| {
                nodes.iter().all(|node| match self.leadership(*node) {
                    Leadership::Follower { promise, has_led } => has_led && promise == *ballot,
                    _ => node == leader,
                })
            })
        };
        let waited = timeout(SOON, poll(found)).await;
        waited.unwrap_or_else(|_| panic!("no leader of {nodes:?} came: {}", self.describe()))
    }

    pub(crate) async fn leader(&self) -> (u64, PaxosBallot) {
        let all: Vec<u64> = self.nodes.keys().copied().collect();
        self.leader_of(&all).await
    }

    pub(crate) async fn append(
        &self,
        (node, ballot): (u64, PaxosBallot),
        add: u64,
    ) -> Result<Appended, AppendError> {
        let handle = self.nodes[&node].handle.clone();
        let within = Duration::from_secs(5);
        handle
            .append(ballot, |id| Command::of(add, id), within)
            .await
    }

    /// Appends wherever there is a leader, until it is decided.
    pub(crate) async fn append_somewhere(&self, add: u64) -> Appended {
        let limit = Instant::now() + SOON;
        loop {
            let leader = self.leader().await;
            match self.append(leader, add).await {
                Ok(appended) => return appended,
                Err(error) => assert!(Instant::now() < limit, "not in time: {error}"),
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn leadership(&self, node: u64) -> Leadership {
        *self.nodes[&node].handle.leadership().borrow()
    }

    pub(crate) fn applied(&self, node: u64) -> Applied {
        self.nodes[&node].state.lock().unwrap().clone()
    }

    fn describe(&self) -> String {
        let nodes = self.nodes.iter().map(|(id, node)| {
            let links = self.nodes.keys().map(|to| node.transport.link(PeerId(*to)));
            format!(
                "\n{id}: {:?}, lease until {:?}, accepted {}, decided {}, {:?}, links {:?}",
                self.leadership(*id),
                self.leases.deadline(*id),
                node.handle.accepted(),
                *node.handle.decided().borrow(),
                self.applied(*id),
                links.collect::<Vec<_>>(),
            )
        });
        nodes.collect()
    }

    pub(crate) async fn all_have_sum(&self, sum: u64) {
        for node in self.nodes.keys() {
            let reached = || (self.applied(*node).sum == sum).then_some(());
            if timeout(SOON, poll(reached)).await.is_err() {
                panic!("node {node} has not the sum {sum}: {}", self.describe());
            }
        }
    }
}

async fn poll<R>(mut condition: impl FnMut() -> Option<R>) -> R {
    loop {
        if let Some(result) = condition() {
            return result;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Waits for a condition, with a limit.
pub(crate) async fn wait_for<R>(what: &str, condition: impl FnMut() -> Option<R>) -> R {
    let waited = timeout(SOON, poll(condition));
    waited
        .await
        .unwrap_or_else(|_| panic!("{what} did not come"))
}
