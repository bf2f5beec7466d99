//! Three nodes on RocksDB and TCP, through a restart of all of them.
#![cfg(feature = "rocksdb-storage")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Command, SOON, Total};
use tokio::time::{sleep, timeout};
use tsoracle_paxos_toolkit::storage::{LOG_FAMILY, RocksdbStorage, STATE_FAMILY};
use tsoracle_paxos_toolkit::{
    Attached, Decided, Handle, Members, PaxosBallot, PaxosRunner, RunnerSettings, TransportSink,
    attach, decided_channel,
};
use tsoracle_peer_transport::{
    ClusterId, GroupId, Incarnation, Me, Peer, PeerId, Settings, StoreId, TcpAcceptor, TcpDialer,
    Transport,
};
use tsoracle_store::Store;

const GROUP: GroupId = GroupId(1);

struct Node {
    handle: Handle<Command>,
    runner: PaxosRunner<Command, RocksdbStorage<Command>>,
    sum: tokio::task::JoinHandle<u64>,
    transport: Transport,
    store: Store,
    _attached: Attached,
}

async fn start(pid: u64, dir: &Path, listener: TcpAcceptor, ports: &BTreeMap<u64, String>) -> Node {
    let families = [LOG_FAMILY, STATE_FAMILY];
    let store = Store::open(dir, &tsoracle_store::Settings::new(1, pid, families)).unwrap();
    let me = Me {
        cluster: ClusterId(1),
        node: PeerId(pid),
        store: StoreId(store.identity().store.into()),
        incarnation: Incarnation::counted(store.starts()),
    };
    let peers = ports.iter().filter(|(peer, _)| **peer != pid);
    let peers = peers.map(|(peer, endpoint)| Peer::new(PeerId(*peer), endpoint.clone()));
    let members = Members::new(1, [1, 2, 3]);
    let settings = RunnerSettings::new(pid, store.starts(), members);
    let mut links = Settings::new(me, peers.collect());
    links.timing = settings.times.handshake(true, [1, 2, 3]);
    let transport = Transport::start(links, listener, TcpDialer).unwrap();
    let (apply, mut decided) = decided_channel::<Command>(64);
    let sink = TransportSink::new(transport.clone(), GROUP);
    let storage = RocksdbStorage::open(&store).unwrap();
    let runner = PaxosRunner::start(&settings, storage, sink, apply).unwrap();
    let handle = runner.handle();
    let reporting = runner.handle();
    let sum = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(next) = decided.next().await {
            let end = next.end();
            match next {
                Decided::Entries { entries, .. } => {
                    sum += entries.iter().map(|entry| entry.add).sum::<u64>();
                }
                Decided::Snapshot { snapshot, .. } => Total(sum) = snapshot,
                other => panic!("{other:?}"),
            }
            reporting.applied(end);
        }
        sum
    });
    Node {
        _attached: attach(&transport, GROUP, runner.inbound()).unwrap(),
        handle,
        runner,
        sum,
        transport,
        store,
    }
}

async fn leader(nodes: &[Node]) -> (&Node, PaxosBallot) {
    let found = timeout(SOON, async {
        loop {
            for node in nodes {
                let leads = node.handle.leadership().borrow().leads();
                if let Some(ballot) = leads
                    && node.handle.prove(Duration::from_millis(200)).await.is_ok()
                {
                    return (node, ballot);
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
    });
    found.await.unwrap()
}

/// Appends until it is decided; how long that took, and how many entries may have come of it.
async fn append(nodes: &[Node], add: u64) -> (Duration, u64) {
    let found = timeout(SOON, async {
        for attempts in 1.. {
            let (node, ballot) = leader(nodes).await;
            let begun = Instant::now();
            let make = |id| Command::of(add, id);
            if node.handle.append(ballot, make, SOON).await.is_ok() {
                return Some((begun.elapsed(), attempts));
            }
        }
        None
    });
    found.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let (mut appended, mut attempted) = (0, 0);
    for life in 0..3_usize {
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpAcceptor::bind("127.0.0.1:0").await.unwrap());
        }
        let endpoints = listeners
            .iter()
            .map(tsoracle_peer_transport::Listener::endpoint);
        let ports: BTreeMap<u64, String> = (1..).zip(endpoints).collect();
        let mut nodes = Vec::new();
        for ((pid, listener), dir) in (1..).zip(listeners).zip(&dirs) {
            nodes.push(start(pid, dir.path(), listener, &ports).await);
        }
        let mut times = Vec::new();
        for _ in 0..200 {
            let (took, attempts) = append(&nodes, 1).await;
            times.push(took);
            appended += 1;
            attempted += attempts;
        }
        times.sort_unstable();
        eprintln!(
            "life {life}: append p50 {:?}, p90 {:?}",
            times[100], times[180]
        );
        let (node, _) = leader(&nodes).await;
        node.handle.snapshot(None, SOON).await.unwrap();
        let index = node.handle.accepted();
        for node in &nodes {
            node.handle.barrier_on(index).passed(SOON).await.unwrap();
        }
        let mut sums = Vec::new();
        for node in nodes {
            node.runner.shutdown(SOON).await.unwrap();
            node.transport.shutdown().await.unwrap();
            let sum = node.sum.await.unwrap();
            assert!((appended..=attempted).contains(&sum), "{sum} of {appended}");
            sums.push(sum);
            drop(node.handle);
            node.store.shutdown_async(SOON).await.unwrap();
        }
        assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    }
}
