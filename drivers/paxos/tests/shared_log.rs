//! A service whose log carries the oracle too: one log, one state machine and one snapshot for both,
//! on three nodes, over a handoff and a restart.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::select_all;
use omnipaxos::storage::{Entry, Snapshot};
use serde::{Deserialize, Serialize};
use tsoracle_consensus::{ConsensusDriver, Handoff, LeaderState, Member};
use tsoracle_core::Epoch;
use tsoracle_driver_paxos::{
    CarriesHighWater, DriverSettings, HighWaterCommand, HighWaterReplica, HighWaterSnapshot,
    HighWaterView, NodeBuilder, NodeHost, PaxosDriver, PaxosHighWaterHost,
};
use tsoracle_paxos_toolkit::{GroupEntry, RequestId};

/// Of a wait that ends soon, however slow the machine is.
const SOON: Duration = Duration::from_secs(20);

/// One log for both: the service's commands and the oracle's.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    request: RequestId,
    command: Command,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Command {
    Write(String),
    HighWater(HighWaterCommand),
}

/// One snapshot for both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Page {
    lines: Vec<String>,
    high_water: HighWaterSnapshot,
}

impl Entry for Record {
    type Snapshot = Page;
}

impl GroupEntry for Record {
    fn request(&self) -> Option<RequestId> {
        Some(self.request)
    }
}

impl Snapshot<Record> for Page {
    fn create(records: &[Record]) -> Self {
        let mut page = Self::default();
        let mut oracle = Vec::new();
        for record in records {
            match &record.command {
                Command::Write(line) => page.lines.push(line.clone()),
                Command::HighWater(command) => oracle.push(*command),
            }
        }
        page.high_water = HighWaterSnapshot::of(&oracle);
        page
    }

    fn merge(&mut self, later: Self) {
        self.lines.extend(later.lines);
        self.high_water.merge(later.high_water);
    }

    fn use_snapshots() -> bool {
        true
    }
}

/// One state machine for both, on the engine's thread.
#[derive(Default)]
struct Notebook {
    lines: Arc<Mutex<Vec<String>>>,
    high_water: HighWaterReplica,
}

impl CarriesHighWater for Notebook {
    type Entry = Record;

    fn high_water(&self) -> HighWaterView {
        self.high_water.view()
    }

    fn entry(command: HighWaterCommand, request: RequestId) -> Record {
        let command = Command::HighWater(command);
        Record { request, command }
    }

    fn apply(&mut self, Record { request, command }: Record) {
        match command {
            Command::Write(line) => self.lines.lock().unwrap().push(line),
            Command::HighWater(command) => {
                self.high_water.apply(&command, Some(request));
            }
        }
    }

    fn restore(&mut self, page: Page) {
        *self.lines.lock().unwrap() = page.lines;
        self.high_water.restore(&page.high_water);
    }
}

/// A node of the service.
struct Service {
    host: Arc<NodeHost<Notebook>>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start(dir: &Path, node: u64, members: &[Member]) -> Self {
        let notebook = Notebook::default();
        let lines = Arc::clone(&notebook.lines);
        let host = NodeHost::builder(42, node, dir.join(node.to_string()))
            .members(members)
            .machine(notebook);
        let host = Arc::new(host.start().await.unwrap());
        Self { host, lines }
    }

    /// Writes a line at the node that leads.
    async fn write(&self, line: &str) {
        let handle = self.host.handle();
        let ballot = handle.leadership().borrow().leads().unwrap();
        let command = Command::Write(line.to_owned());
        let record = |request| Record { request, command };
        handle.append(ballot, record, SOON).await.unwrap();
    }
}

type Node = (Service, PaxosDriver<NodeHost<Notebook>>);

async fn start(dir: &Path, members: &[Member]) -> Vec<Node> {
    let mut nodes = Vec::new();
    for member in members {
        let service = Service::start(dir, member.node, members).await;
        let driver = PaxosDriver::start(Arc::clone(&service.host), DriverSettings::default());
        nodes.push((service, driver));
    }
    nodes
}

/// Who leads above an epoch.
async fn leader_above(nodes: &[Node], above: Epoch) -> (usize, Epoch) {
    let leads = nodes.iter().map(|(_, driver)| {
        let leads = driver.leadership_events().filter_map(move |state| {
            let epoch = state.leading_epoch().filter(|epoch| *epoch > above);
            std::future::ready(epoch)
        });
        Box::pin(async move { Box::pin(leads).next().await.unwrap() })
    });
    let (epoch, index, _) = tokio::time::timeout(SOON, select_all(leads)).await.unwrap();
    (index, epoch)
}

/// Of an address that the system gives to no connection, so that they stay free between two lives.
fn members() -> Vec<Member> {
    let sockets: Vec<_> = (0..3)
        .map(|_| TcpListener::bind("127.83.1.1:0").unwrap())
        .collect();
    let endpoints = sockets.iter().map(|s| s.local_addr().unwrap().to_string());
    (1..)
        .zip(endpoints)
        .map(|(node, peer_endpoint)| Member {
            node,
            peer_endpoint,
            service_endpoint: format!("127.0.0.1:{}", 8000 + node),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_log_and_one_snapshot_carry_both() {
    let dir = tempfile::tempdir().unwrap();
    let members = members();
    let mut last = Epoch::ZERO;
    for life in 1..=2_u64 {
        let nodes = start(dir.path(), &members).await;
        let (leader, epoch) = leader_above(&nodes, last).await;
        let (service, driver) = &nodes[leader];
        assert_eq!(driver.load_high_water().await.unwrap(), (life - 1) * 100);
        let kept = service.lines.lock().unwrap().len() as u64;
        assert_eq!(kept, (life - 1) * 2);
        service.write("before").await;
        assert_eq!(
            driver
                .persist_high_water(life * 100 - 1, epoch)
                .await
                .unwrap(),
            life * 100 - 1
        );

        let next = (leader + 1) % nodes.len();
        driver.hand_off(next as u64 + 1).await.unwrap();
        let (leader, epoch) = leader_above(&nodes, epoch).await;
        let (service, driver) = &nodes[leader];
        service.write("after").await;
        assert_eq!(
            driver.persist_high_water(life * 100, epoch).await.unwrap(),
            life * 100
        );
        assert_eq!(driver.load_high_water().await.unwrap(), life * 100);
        last = epoch;

        let compacted = service.host.handle().snapshot(None, SOON).await.unwrap();
        assert!(compacted > 0, "nothing was compacted");
        for (service, driver) in &nodes {
            driver.stop();
            assert_eq!(
                driver.leadership_events().next().await,
                Some(LeaderState::NoLeader)
            );
            service.host.shutdown(SOON).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_node_alone_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let alone: NodeBuilder<Notebook> = NodeHost::builder(42, 1, dir.path());
    let alone = alone.member(&members()[0]);
    let refused = alone.start().await;
    let why = refused.map(drop).unwrap_err().to_string();
    assert!(
        why.contains("the engine refuses the configuration"),
        "{why}"
    );
}
