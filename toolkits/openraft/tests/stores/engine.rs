//! The stores and the machine under openraft itself: a sole voter, and its restart.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, Config, Raft, RaftNetworkFactory, RaftNetworkV2, SnapshotPolicy};
use tsoracle_openraft_toolkit::{
    GroupPrefixed, LogId, Machine, MachineHandle, RocksdbSnapshots, Snapshot, StateMachine, Vote,
};
use tsoracle_store::Store;

use crate::common::{Joined, Place, Texts, close, log};

const LIMIT: Option<Duration> = Some(Duration::from_secs(30));
const GROUP: GroupPrefixed = GroupPrefixed(3);

/// There is nobody to reach.
struct Alone;

impl RaftNetworkFactory<Texts> for Alone {
    type Network = Self;

    async fn new_client(&mut self, _target: u64, _node: &BasicNode) -> Self {
        Self
    }
}

impl RaftNetworkV2<Texts> for Alone {
    type SnapshotData = Vec<u8>;

    async fn append_entries(
        &mut self,
        _request: AppendEntriesRequest<Texts>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Texts>, RPCError<Texts>> {
        pending().await
    }

    async fn vote(
        &mut self,
        _request: VoteRequest<Texts>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Texts>, RPCError<Texts>> {
        pending().await
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: Snapshot<Texts>,
        _cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Texts>, StreamingError<Texts>> {
        pending().await
    }
}

/// Counts what is applied to it in this life.
#[derive(Default)]
struct Counted {
    joined: Joined,
    applied: u64,
}

impl StateMachine<Texts> for Counted {
    fn apply(&mut self, at: &LogId, command: &String) -> usize {
        self.applied += 1;
        self.joined.apply(at, command)
    }

    fn answer_without_command(&self) -> usize {
        self.joined.answer_without_command()
    }

    fn snapshot(&self) -> Vec<u8> {
        self.joined.snapshot()
    }

    fn restore(&mut self, state: Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.joined.restore(state)
    }
}

type Node = Raft<Texts, Machine<Texts, Counted, RocksdbSnapshots<Texts, GroupPrefixed>>>;

async fn start(store: &Store) -> (Node, MachineHandle<Texts, Counted>) {
    let config = Config {
        enable_leader_restore: Some(false),
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        ..Config::default()
    };
    let config = Arc::new(config.validate().unwrap());
    let log = log(store, GROUP).await;
    let snapshots = RocksdbSnapshots::open(store.clone(), GROUP).await.unwrap();
    let machine = Machine::open(Counted::default(), snapshots).await.unwrap();
    let handle = machine.handle();
    let raft = Raft::new(1, config, Alone, log, machine).await.unwrap();
    (raft, handle)
}

async fn write(raft: &Node, range: std::ops::Range<u64>) -> usize {
    let mut answer = 0;
    for number in range {
        answer = raft.client_write(format!("{number},")).await.unwrap().data;
    }
    answer
}

fn text(handle: &MachineHandle<Texts, Counted>) -> String {
    handle.read(|counted| counted.joined.0.clone())
}

fn numbers(range: std::ops::Range<u64>) -> String {
    range.map(|number| format!("{number},")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_replays_what_the_snapshot_does_not_cover_and_nothing_else() {
    let place = Place::new();
    let store = place.store();
    let (raft, handle) = start(&store).await;
    let members = BTreeMap::from([(1, BasicNode::default())]);
    raft.initialize(members).await.unwrap();
    raft.wait(LIMIT).current_leader(1, "elected").await.unwrap();
    assert_eq!(write(&raft, 0..200).await, text(&handle).len());
    let covered = handle.applied().borrow().unwrap();
    raft.trigger().snapshot().await.unwrap();
    raft.wait(LIMIT).snapshot(covered, "kept").await.unwrap();
    raft.trigger().purge_log(covered.index).await.unwrap();
    raft.wait(LIMIT)
        .purged(Some(covered), "purged")
        .await
        .unwrap();
    write(&raft, 200..230).await;
    raft.shutdown().await.unwrap();
    drop((raft, handle));
    close(store).await;

    let store = place.store();
    let (raft, handle) = start(&store).await;
    let end = |at: &Option<LogId>| at.is_some_and(|at| at.index >= covered.index + 30);
    let mut applied = handle.applied();
    let waited = tokio::time::timeout(LIMIT.unwrap(), applied.wait_for(end)).await;
    waited.unwrap().unwrap();
    assert_eq!(text(&handle), numbers(0..230));
    assert_eq!(handle.read(|counted| counted.applied), 30);
    raft.wait(LIMIT)
        .current_leader(1, "elected again")
        .await
        .unwrap();
    write(&raft, 230..231).await;
    assert_eq!(text(&handle), numbers(0..231));
    raft.shutdown().await.unwrap();
    close(store).await;
}
