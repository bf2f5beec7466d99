//! The storages against a model: random operations, a stop at any write boundary, reopening.
#![cfg(all(feature = "rocksdb-storage", feature = "test-fakes"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Command, Total};
use omnipaxos::ClusterConfig;
use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{StopSign, Storage, StorageOp};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tsoracle_paxos_toolkit::fakes::MemoryDisk;
use tsoracle_paxos_toolkit::storage::{
    LOG_FAMILY, RocksdbStorage, STATE_FAMILY, StorageControl, SyncedStorage, Written,
};
use tsoracle_store::{Settings, Store};

/// What the storage should hold, kept another way: entries by their index.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    promise: Option<Ballot>,
    accepted: Option<Ballot>,
    decided: usize,
    compacted: usize,
    stopsign: Option<StopSign>,
    snapshot: Option<Total>,
    first: usize,
    entries: BTreeMap<usize, Command>,
}

impl Model {
    fn end(&self) -> usize {
        self.entries
            .last_key_value()
            .map_or(self.first, |(at, _)| at + 1)
    }

    fn apply(&mut self, op: StorageOp<Command>) {
        match op {
            StorageOp::AppendEntry(entry) => {
                self.entries.insert(self.end(), entry);
            }
            StorageOp::AppendEntries(entries) => {
                for entry in entries {
                    self.entries.insert(self.end(), entry);
                }
            }
            StorageOp::AppendOnPrefix(from, entries) => {
                self.entries.retain(|at, _| *at < from);
                self.apply(StorageOp::AppendEntries(entries));
            }
            StorageOp::SetPromise(ballot) => {
                self.promise = Some(ballot).filter(|b| *b != Ballot::default());
            }
            StorageOp::SetDecidedIndex(at) => self.decided = at,
            StorageOp::SetAcceptedRound(ballot) => self.accepted = Some(ballot),
            StorageOp::SetCompactedIdx(at) => self.compacted = at,
            StorageOp::Trim(at) => {
                self.entries.retain(|index, _| *index >= at);
                self.first = self.first.max(at);
            }
            StorageOp::SetStopsign(stopsign) => self.stopsign = stopsign,
            StorageOp::SetSnapshot(snapshot) => self.snapshot = snapshot,
        }
    }

    /// One of the operations that the engine could ask for now.
    fn any_op(&self, random: &mut impl Rng) -> Vec<StorageOp<Command>> {
        let (first, end) = (self.first, self.end());
        let entries = |random: &mut ChaCha8Rng, most: usize| {
            let count = random.random_range(0..=most);
            (0..count)
                .map(|_| Command::add(random.random_range(0..100)))
                .collect()
        };
        let mut seeded = ChaCha8Rng::seed_from_u64(random.random());
        let ballot = Ballot::with(1, random.random_range(0..9), 0, random.random_range(0..4));
        match random.random_range(0..12) {
            0..3 => vec![StorageOp::AppendEntry(Command::add(
                random.random_range(0..100),
            ))],
            3 => vec![StorageOp::AppendEntries(entries(&mut seeded, 90))],
            4 => vec![StorageOp::AppendOnPrefix(
                random.random_range(first..=end),
                entries(&mut seeded, 4),
            )],
            5 => vec![StorageOp::SetPromise(ballot)],
            6 => vec![StorageOp::SetAcceptedRound(ballot)],
            7 => vec![StorageOp::SetDecidedIndex(random.random_range(first..=end))],
            8 => {
                let at = random.random_range(first..=end);
                vec![StorageOp::Trim(at), StorageOp::SetCompactedIdx(at)]
            }
            9 => {
                let stopsign = random.random_bool(0.5).then(|| {
                    let next = ClusterConfig {
                        configuration_id: 2,
                        nodes: vec![1, 2, 3],
                        flexible_quorum: None,
                    };
                    StopSign::with(next, Some(vec![random.random()]))
                });
                vec![StorageOp::SetStopsign(stopsign)]
            }
            10 => vec![StorageOp::SetSnapshot(Some(Total(
                random.random_range(0..1_000),
            )))],
            // What a follower far behind is sent: its log ends below the snapshot.
            _ => {
                let at = end + random.random_range(0..5);
                vec![
                    StorageOp::SetAcceptedRound(ballot),
                    StorageOp::SetDecidedIndex(at),
                    StorageOp::Trim(at),
                    StorageOp::SetCompactedIdx(at),
                    StorageOp::SetSnapshot(Some(Total(7))),
                    StorageOp::AppendOnPrefix(at, entries(&mut seeded, 3)),
                ]
            }
        }
    }
}

/// A storage must never show a decided index beyond its log, which random operations may.
fn settle(model: &Model) -> StorageOp<Command> {
    StorageOp::SetDecidedIndex(model.decided.min(model.end()))
}

fn perform<S: Storage<Command>>(storage: &mut S, mut ops: Vec<StorageOp<Command>>) {
    if ops.len() > 1 {
        storage.write_atomically(ops).unwrap();
        return;
    }
    match ops.pop().unwrap() {
        StorageOp::AppendEntry(entry) => storage.append_entry(entry),
        StorageOp::AppendEntries(entries) => storage.append_entries(entries),
        StorageOp::AppendOnPrefix(from, entries) => storage.append_on_prefix(from, entries),
        StorageOp::SetPromise(ballot) => storage.set_promise(ballot),
        StorageOp::SetDecidedIndex(at) => storage.set_decided_idx(at),
        StorageOp::SetAcceptedRound(ballot) => storage.set_accepted_round(ballot),
        StorageOp::SetCompactedIdx(at) => storage.set_compacted_idx(at),
        StorageOp::Trim(at) => storage.trim(at),
        StorageOp::SetStopsign(stopsign) => storage.set_stopsign(stopsign),
        StorageOp::SetSnapshot(snapshot) => storage.set_snapshot(snapshot),
    }
    .unwrap();
}

fn compare<S: Storage<Command>>(storage: &S, model: &Model, random: &mut impl Rng) {
    assert_eq!(storage.get_promise().unwrap(), model.promise);
    assert_eq!(storage.get_accepted_round().unwrap(), model.accepted);
    assert_eq!(storage.get_decided_idx().unwrap(), model.decided);
    assert_eq!(storage.get_compacted_idx().unwrap(), model.compacted);
    assert_eq!(storage.get_stopsign().unwrap(), model.stopsign);
    assert_eq!(storage.get_snapshot().unwrap(), model.snapshot);
    assert_eq!(storage.get_log_len().unwrap(), model.entries.len());
    let all: Vec<Command> = model.entries.values().cloned().collect();
    assert_eq!(storage.get_suffix(model.first).unwrap(), all);
    let (from, to) = (random.random_range(0..200), random.random_range(0..200));
    let whole = from >= model.first && to <= model.end() && from <= to;
    let expected: Vec<Command> = match whole {
        true => model
            .entries
            .range(from..to)
            .map(|(_, entry)| entry.clone())
            .collect(),
        false => Vec::new(),
    };
    assert_eq!(storage.get_entries(from, to).unwrap(), expected);
}

/// Runs one life of a storage on what is written and what is durable; leaves the two changed.
fn live<S: SyncedStorage<Command>>(
    mut storage: S,
    written: &mut Model,
    durable: &mut Model,
    random: &mut ChaCha8Rng,
) {
    let mut control = storage.control();
    compare(&storage, written, random);
    let mut now = written.clone();
    for _ in 0..random.random_range(0..12) {
        for _ in 0..random.random_range(1..6) {
            // Operations cannot be cloned, so the same ones are drawn twice.
            perform(&mut storage, now.any_op(&mut random.clone()));
            let ops = now.any_op(random);
            ops.into_iter().for_each(|op| now.apply(op));
        }
        perform(&mut storage, vec![settle(&now)]);
        now.apply(settle(&now));
        compare(&storage, &now, random);
        // A stop here loses what was not written.
        if random.random_bool(0.1) {
            break;
        }
        let asks = control.write().unwrap();
        if asks == Written::Nothing {
            assert_eq!(now, *written);
        }
        written.clone_from(&now);
        if random.random_bool(0.1) {
            break;
        }
        if asks == Written::NeedsSync || random.random_bool(0.3) {
            control.sync().unwrap();
            durable.clone_from(written);
        }
    }
}

#[test]
fn rocksdb_holds_what_the_model_holds_through_stops_and_reopening() {
    let seed = common::seed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(1, 1, [LOG_FAMILY, STATE_FAMILY]);
        settings.wal_bytes = 64 << 10;
        let mut model = Model::default();
        for life in 0..12 {
            let store = Store::open(dir.path(), &settings).unwrap();
            let storage = RocksdbStorage::open(&store).unwrap();
            let mut control = storage.control();
            let longest = Duration::from_millis(life);
            let before = (life > 0).then(|| longest - Duration::from_millis(1));
            assert_eq!(control.longest_grant().unwrap(), before);
            control.record_longest_grant(longest).unwrap();
            drop(control);
            live(storage, &mut model, &mut Model::default(), &mut random);
            store.shutdown(common::SOON).unwrap();
        }
    }
}

#[test]
fn memory_keeps_what_was_synced_when_it_loses_power() {
    let mut random = ChaCha8Rng::seed_from_u64(common::seed());
    for _ in 0..20 {
        let disk = MemoryDisk::default();
        let (mut written, mut durable) = (Model::default(), Model::default());
        for _ in 0..50 {
            live(disk.open(), &mut written, &mut durable, &mut random);
            if random.random_bool(0.5) {
                disk.crash();
                written.clone_from(&durable);
            }
        }
    }
}

#[test]
fn the_first_failure_is_the_last_thing_that_happens() {
    let disk = MemoryDisk::<Command>::default();
    let mut storage = disk.open();
    let mut control = storage.control();
    storage.append_entry(Command::add(1)).unwrap();
    assert_eq!(control.write().unwrap(), Written::NeedsSync);
    disk.fail("as told");
    storage.append_entry(Command::add(2)).unwrap();
    let first = control.sync().unwrap_err().to_string();
    assert!(first.contains("as told"));
    assert_eq!(control.write().unwrap_err().to_string(), first);
    assert_eq!(storage.get_log_len().unwrap(), 2);
}
