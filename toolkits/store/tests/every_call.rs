//! Every file call of a writing store may fail: what was acknowledged is there afterwards, and
//! nothing is acknowledged after a failure.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use support::{LIMIT, again, child_dir, contents, expected};
use tsoracle_faultfs::{Action, Errno, Op, Rule, Trigger, hits, install, remove};
use tsoracle_store::{Batch, Settings, Store, StoreError};

/// Enough for one log file to end and the next to be begun.
const BATCHES: u64 = 30;
/// Written one by one; the rest go through the direct handle.
const SINGLE: u64 = 20;
/// How many processes share the calls: RocksDB waits for a second after a failed flush.
const PROCESSES: u64 = 10;

/// Log files end early.
fn settings() -> Settings {
    Settings {
        wal_bytes: 4 << 10,
        ..support::settings()
    }
}

#[test]
fn eio() {
    every_call("eio", Errno::Eio);
}

#[test]
fn enospc() {
    every_call("enospc", Errno::Enospc);
}

fn every_call(test: &str, errno: Errno) {
    if let Some(dir) = child_dir() {
        let first: u64 = dir.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let mut calls = (first..).step_by(usize::try_from(PROCESSES).unwrap());
        while fail_at(calls.next().unwrap(), &dir, errno) {}
        return;
    }
    let place = support::quick_place();
    let start = |first: u64| {
        let dir = place.path().join(first.to_string());
        fs::create_dir(&dir).unwrap();
        again(test, &dir, Stdio::null())
    };
    let children: Vec<Child> = (1..=PROCESSES).map(start).collect();
    let ends: Vec<ExitStatus> = children
        .into_iter()
        .map(|mut child| child.wait().unwrap())
        .collect();
    assert!(ends.iter().all(ExitStatus::success), "{ends:?}");
    let failed = |first: u64| {
        fs::read_dir(place.path().join(first.to_string()))
            .unwrap()
            .count()
    };
    let calls: usize = (1..=PROCESSES).map(failed).sum();
    println!("{calls} calls failed");
    assert!(calls > 3 * usize::try_from(BATCHES).unwrap());
}

/// Fails one call of a new store's life; false if there was none of that number.
fn fail_at(call: u64, root: &Path, errno: Errno) -> bool {
    let dir = root.join(call.to_string());
    let store = Store::open(&dir, &settings()).unwrap();
    let fail = Rule::new(&dir, Action::Fail(errno)).ops(Op::MUTATING);
    let rule = install(fail.at(Trigger::Nth(call))).unwrap();
    let (acknowledged, failed) = write(&store);
    let stopped = store.shutdown(LIMIT);
    let fired = hits(rule).unwrap() > 0;
    remove(rule).unwrap();
    assert!(!failed || (fired && stopped.is_err()), "{stopped:?}");
    let store = Store::open(&dir, &settings()).unwrap();
    let found = contents(&store).unwrap();
    let possible = acknowledged..=acknowledged + u64::from(failed);
    assert!(possible.contains(&found.1), "{} {possible:?}", found.1);
    assert_eq!(found, expected(found.1));
    store.shutdown(LIMIT).unwrap();
    if !fired {
        fs::remove_dir_all(&dir).unwrap();
    }
    fired
}

/// Writes until something fails: the last number that was acknowledged, and whether it did.
fn write(store: &Store) -> (u64, bool) {
    let mut direct = None;
    for n in 1..=BATCHES {
        let outcome = if n <= SINGLE {
            store.write_blocking(support::batch(store, n))
        } else {
            let direct = direct.get_or_insert_with(|| store.direct().unwrap());
            let written = direct.write(&support::batch(store, n));
            written.and_then(|()| direct.sync())
        };
        if let Err(first) = outcome {
            let later: StoreError = store.write_blocking(Batch::new()).unwrap_err();
            assert_eq!(later.to_string(), first.to_string());
            return (n - 1, true);
        }
    }
    (BATCHES, false)
}
