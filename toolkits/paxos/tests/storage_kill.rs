//! 200 times SIGKILL: what was acknowledged through a pipe is there at the next opening.
#![cfg(feature = "rocksdb-storage")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use common::Command;
use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::Storage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tsoracle_paxos_toolkit::storage::{
    LOG_FAMILY, RocksdbStorage, STATE_FAMILY, StorageControl, SyncedStorage,
};
use tsoracle_store::{Settings, Store};

const KILLS: usize = 200;
/// Side by side, since opening a store is mostly waiting for the disk.
const STORES: usize = 8;
const DIR: &str = "STORAGE_KILL_DIR";

fn open(dir: &Path) -> (Store, RocksdbStorage<Command>) {
    let mut settings = Settings::new(1, 1, [LOG_FAMILY, STATE_FAMILY]);
    // Small, so that turning to the next file is killed too.
    settings.wal_bytes = 16 << 10;
    let store = Store::open(dir, &settings).unwrap();
    let storage = RocksdbStorage::open(&store).unwrap();
    (store, storage)
}

/// Appends for as long as it lives. Entry i adds i, so the log tells whether it is whole.
#[test]
#[ignore = "the process that is killed; `acknowledged_entries_survive_kills` starts it"]
fn victim() {
    let dir = std::env::var_os(DIR).expect("started by the test");
    let (_store, mut storage) = open(Path::new(&dir));
    let mut control = storage.control();
    let mut out = std::io::stdout().lock();
    let mut next = storage.get_compacted_idx().unwrap() + storage.get_log_len().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(next as u64);
    loop {
        for _ in 0..random.random_range(1..4) {
            storage.append_entry(Command::add(next as u64)).unwrap();
            next += 1;
        }
        let round = u32::try_from(next).unwrap();
        storage.set_promise(Ballot::with(1, round, 0, 1)).unwrap();
        if random.random_bool(0.01) {
            let start = storage.get_compacted_idx().unwrap();
            let trimmed = start + (next - start) / 2;
            storage.trim(trimmed).unwrap();
            storage.set_compacted_idx(trimmed).unwrap();
        }
        let _ = control.write().unwrap();
        control.sync().unwrap();
        writeln!(out, "synced {next}").unwrap();
        out.flush().unwrap();
    }
}

fn start(dir: &Path) -> Child {
    Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn check(dir: &Path, acknowledged: usize) {
    let (store, storage) = open(dir);
    let first = storage.get_compacted_idx().unwrap();
    let log = storage.get_suffix(first).unwrap();
    let end = first + log.len();
    assert!(
        end >= acknowledged,
        "{acknowledged} were acknowledged, {end} are there"
    );
    let promise = storage
        .get_promise()
        .unwrap()
        .map_or(0, |promise| promise.n);
    assert_eq!(promise as usize, end, "a batch is whole or not there");
    for (index, entry) in (first..).zip(log) {
        assert_eq!(entry.add, index as u64);
    }
    drop(storage);
    store.shutdown(common::SOON).unwrap();
}

/// Kills a store's victims one after the other.
fn kill_again_and_again(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for _ in 0..KILLS / STORES {
        let mut child = start(dir.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = lines.map_while(Result::ok).filter_map(|line| {
            let (_, count) = line.split_once("synced ")?;
            count.parse::<usize>().ok()
        });
        acknowledged = seen.next().unwrap_or(acknowledged);
        let until = Instant::now() + Duration::from_micros(random.random_range(0..20_000));
        while Instant::now() < until {
            acknowledged = seen.next().unwrap_or(acknowledged);
        }
        child.kill().unwrap();
        acknowledged = seen.last().unwrap_or(acknowledged);
        child.wait().unwrap();
        // The next victim opens the store as well, and goes on behind what it finds.
        if random.random_bool(0.1) {
            check(dir.path(), acknowledged);
        }
    }
    check(dir.path(), acknowledged);
    assert!(acknowledged > KILLS / STORES);
}

#[test]
fn acknowledged_entries_survive_kills() {
    let seed = common::seed();
    std::thread::scope(|scope| {
        for store in 0..STORES as u64 {
            scope.spawn(move || kill_again_and_again(seed.wrapping_add(store)));
        }
    });
}
