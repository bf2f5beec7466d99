//! A type config, directories, processes, and short ways to write and read a log.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use openraft::alias::OneshotReceiverOf;
use openraft::storage::{IOFlushed, RaftLogStorage, RaftLogStorageExt};
use openraft::type_config::TypeConfigExt;
use openraft::{EntryPayload, RaftLogReader};
use tempfile::TempDir;
use tsoracle_openraft_toolkit::{
    Entry, KeySpace, LOG_FAMILY, LeaderId, LogId, META_FAMILY, RocksdbLogStore, SNAPSHOT_FAMILY,
    Snapshot, SnapshotMeta, StateMachine, TailLimits, declare_raft_types_ext,
};
use tsoracle_store::{Settings, Store};

declare_raft_types_ext!(
    /// A log of texts.
    pub(crate) Texts:
        D = String,
        R = usize,
        Node = openraft::BasicNode,
        SnapshotData = Vec<u8>,
);

/// All commands in order, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Joined(pub(crate) String);

impl StateMachine<Texts> for Joined {
    fn apply(&mut self, _at: &LogId, command: &String) -> usize {
        self.0.push_str(command);
        self.0.len()
    }

    fn answer_without_command(&self) -> usize {
        self.0.len()
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    fn restore(&mut self, state: Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0 = String::from_utf8(state)?;
        Ok(())
    }
}

/// Set in a process that a test started.
const DIR: &str = "OPENRAFT_TOOLKIT_TEST_DIR";

/// A directory on a disk, beside the build; in a process that a test started, its parent's.
pub(crate) struct Place {
    root: PathBuf,
    _owned: Option<TempDir>,
}

impl Place {
    pub(crate) fn new() -> Self {
        if let Some(root) = std::env::var_os(DIR) {
            let root = root.into();
            return Self { root, _owned: None };
        }
        let owned = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self {
            root: owned.path().to_path_buf(),
            _owned: Some(owned),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn store(&self) -> Store {
        open(&self.data())
    }

    /// This test program again, with `test` as the only test: see [`in_child`].
    pub(crate) fn child(&self, test: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture"]);
        command.env(DIR, &self.root).stderr(Stdio::inherit());
        command
    }
}

/// Whether this process was started by a test to be killed.
pub(crate) fn in_child() -> bool {
    std::env::var_os(DIR).is_some()
}

pub(crate) fn settings() -> Settings {
    Settings::new(1, 1, [LOG_FAMILY, META_FAMILY, SNAPSHOT_FAMILY])
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, &settings()).unwrap()
}

/// Gives the directory back: everything that uses the store must have been dropped, or stays with
/// a closed one.
pub(crate) async fn close(store: Store) {
    store.shutdown_async(Duration::from_secs(30)).await.unwrap();
}

pub(crate) async fn log<K: KeySpace>(store: &Store, keyspace: K) -> RocksdbLogStore<Texts, K> {
    limited_log(store, keyspace, TailLimits::default()).await
}

pub(crate) async fn limited_log<K: KeySpace>(
    store: &Store,
    keyspace: K,
    limits: TailLimits,
) -> RocksdbLogStore<Texts, K> {
    let log = RocksdbLogStore::open(store.clone(), keyspace, limits);
    log.await.unwrap()
}

pub(crate) fn at(term: u64, index: u64) -> LogId {
    let leader = LeaderId { term, node_id: 1 };
    openraft::LogId::new(leader, index)
}

pub(crate) fn entry(term: u64, index: u64) -> Entry<Texts> {
    Entry::<Texts> {
        log_id: at(term, index),
        payload: EntryPayload::Normal(format!("{index}")),
    }
}

/// A snapshot of `state`, taken after entry `index` of `term`.
pub(crate) fn snapshot(term: u64, index: u64, state: Vec<u8>) -> Snapshot<Texts> {
    let meta = SnapshotMeta::<Texts> {
        last_log_id: Some(at(term, index)),
        ..Default::default()
    };
    let snapshot = state;
    Snapshot::<Texts> { meta, snapshot }
}

/// Appends the entries of a range and waits until they are durable.
pub(crate) async fn fill<K: KeySpace>(
    log: &mut RocksdbLogStore<Texts, K>,
    term: u64,
    range: std::ops::Range<u64>,
) {
    let entries = range.map(|index| entry(term, index));
    log.blocking_append(entries).await.unwrap();
}

/// Learns what became of an entry.
pub(crate) type Outcome = OneshotReceiverOf<Texts, Result<(), std::io::Error>>;

/// Appends one entry; the receiver learns what became of it.
pub(crate) async fn append<K: KeySpace>(
    log: &mut RocksdbLogStore<Texts, K>,
    entry: Entry<Texts>,
) -> Outcome {
    let (done, outcome) = Texts::oneshot();
    let callback = IOFlushed::signal(done);
    log.append([entry], callback).await.unwrap();
    outcome
}

/// The positions of all entries, after a look at their commands.
pub(crate) async fn positions<K: KeySpace>(log: &mut RocksdbLogStore<Texts, K>) -> Vec<LogId> {
    let mut reader = log.get_log_reader().await;
    let entries = reader.try_get_log_entries(0..u64::MAX).await.unwrap();
    let check = |entry: Entry<Texts>| {
        assert_eq!(
            entry.payload,
            EntryPayload::Normal(entry.log_id.index.to_string())
        );
        entry.log_id
    };
    entries.into_iter().map(check).collect()
}
