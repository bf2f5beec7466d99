//! A disk that fails, stalls, or is counted.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::LIMIT;
use tsoracle_faultfs::{
    Action, Errno, Name, Op, Rule, Trigger, counts, hits, install, release, remove, wait_for_hits,
};
use tsoracle_store::{Settings, Store, StoreError};

fn settings() -> Settings {
    Settings::new(7, 3, ["entries", "state"])
}

fn logs(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("store/rocksdb")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|kind| kind == "log"))
        .collect()
}

/// Until the first log file is written over under another name.
fn wait_for_layout(dir: &Path, first: &Path) {
    let began = Instant::now();
    while first.exists() || logs(dir).len() != 2 {
        assert!(began.elapsed() < LIMIT);
        std::thread::yield_now();
    }
}

#[test]
fn one_writer_costs_one_sync_per_batch_and_no_file_grows() {
    let dir = support::place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    let lengths = || -> Vec<u64> {
        let lengths = logs(dir.path())
            .into_iter()
            .map(|log| fs::metadata(log).unwrap().len());
        lengths.collect()
    };
    let first = logs(dir.path()).remove(0);
    store.write_blocking(support::batch(&store, 1)).unwrap();
    wait_for_layout(dir.path(), &first);
    let before = lengths();
    let log = Rule::new(dir.path(), Action::Count).named(Name::EndsWith(".log".into()));
    let log = install(log.ops([Op::Sync, Op::SyncDir])).unwrap();
    let all = install(Rule::new(dir.path(), Action::Count).ops(Op::SYNCS)).unwrap();
    for n in 2..=101 {
        store.write_blocking(support::batch(&store, n)).unwrap();
    }
    assert_eq!(counts(log).unwrap().syncs, 100);
    // Beside them at most the frontier's own, in idle moments.
    let syncs = counts(all).unwrap();
    assert!(syncs.syncs + syncs.dir_syncs <= 100 + 10, "{syncs:?}");
    let mut direct = store.direct().unwrap();
    for n in 102..=201 {
        direct.write(&support::batch(&store, n)).unwrap();
        direct.sync().unwrap();
        direct.sync().unwrap();
    }
    assert_eq!(counts(log).unwrap().syncs, 200);
    assert_eq!(lengths(), before);
    assert!(before.iter().all(|length| *length >= 2 << 20), "{before:?}");
    assert_eq!(support::contents(&store).unwrap(), support::expected(201));
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn many_writers_share_syncs() {
    let dir = support::place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    let slow = Rule::new(dir.path(), Action::Delay(Duration::from_millis(2))).ops([Op::Sync]);
    let rule = install(slow).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async {
        let writers = (1..=64_u64).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                for step in 0..10 {
                    let batch = support::batch(&store, n * 100 + step);
                    store.write(batch).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
    });
    let syncs = counts(rule).unwrap().syncs;
    assert!(syncs < 640 / 8, "{syncs} syncs for 640 batches");
    remove(rule).unwrap();
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn answers_come_in_order_and_drops_release_the_store() {
    let dir = support::place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    for n in 1..=100 {
        let order = Arc::clone(&order);
        store.submit_blocking(support::batch(&store, n), move |outcome| {
            order.lock().unwrap().push((n, outcome.is_ok()));
        });
    }
    drop(store);
    let began = Instant::now();
    let store = loop {
        match Store::open(dir.path(), &settings()) {
            Err(StoreError::Held { .. }) => assert!(began.elapsed() < LIMIT),
            opened => break opened.unwrap(),
        }
    };
    let order = order.lock().unwrap();
    assert_eq!(
        order.iter().map(|(n, _)| *n).collect::<Vec<_>>(),
        (1..=100).collect::<Vec<_>>()
    );
    let acknowledged = order.iter().filter(|(_, written)| *written).count() as u64;
    let found = support::contents(&store).unwrap();
    assert!(found.1 >= acknowledged);
    assert_eq!(found, support::expected(found.1));
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn failing_disk_latches_the_first_error() {
    for errno in [Errno::Eio, Errno::Enospc] {
        for op in [Op::Write, Op::Sync] {
            for name in [".log", "frontier"] {
                if (op, name) != (Op::Sync, "frontier") {
                    fails_at(errno, op, name);
                }
            }
        }
    }
}

fn fails_at(errno: Errno, op: Op, name: &str) {
    let dir = support::place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    for n in 1..=5 {
        store.write_blocking(support::batch(&store, n)).unwrap();
    }
    let rule = Rule::new(dir.path(), Action::Fail(errno)).ops([op]);
    let rule = rule.named(Name::EndsWith(name.into())).at(Trigger::Nth(1));
    let rule = install(rule).unwrap();
    let first = store.write_blocking(support::batch(&store, 6)).unwrap_err();
    assert_eq!(hits(rule).unwrap(), 1, "{op:?} {name}");
    // The disk is sound again, and nothing is acknowledged all the same.
    remove(rule).unwrap();
    for n in 6..=8 {
        let later = store.write_blocking(support::batch(&store, n)).unwrap_err();
        assert_eq!(later.to_string(), first.to_string());
    }
    assert_eq!(store.failure().unwrap().to_string(), first.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let seen = runtime.block_on(store.failed());
    assert_eq!(seen.to_string(), first.to_string());
    assert!(store.get(store.family("state").unwrap(), "last").is_err());
    assert!(store.shutdown(LIMIT).is_err());
    let store = Store::open(dir.path(), &settings()).unwrap();
    let found = support::contents(&store).unwrap();
    assert!((5..=6).contains(&found.1), "{}", found.1);
    assert_eq!(found, support::expected(found.1));
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn shutdown_on_a_stalled_disk_ends_in_time_and_releases_later() {
    let dir = support::place();
    let store = Store::open(dir.path(), &settings()).unwrap();
    let stall = Rule::new(dir.path(), Action::Stall { at_most: None }).ops([Op::Sync]);
    let rule = install(stall.named(Name::EndsWith(".log".into()))).unwrap();
    store.submit_blocking(support::batch(&store, 1), |_| ());
    assert_eq!(wait_for_hits(rule, 1, LIMIT).unwrap(), 1);
    let began = Instant::now();
    let limit = Duration::from_millis(300);
    assert!(matches!(
        store.shutdown(limit),
        Err(StoreError::Stalled { .. })
    ));
    assert!(began.elapsed() >= limit && began.elapsed() < LIMIT / 2);
    let held = Store::open(dir.path(), &settings());
    assert!(matches!(held, Err(StoreError::Held { .. })), "{held:?}");
    release(rule).unwrap();
    store.shutdown(LIMIT).unwrap();
    let store = Store::open(dir.path(), &settings()).unwrap();
    assert_eq!(support::contents(&store).unwrap(), support::expected(1));
    remove(rule).unwrap();
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn another_process_is_named_as_the_holder() {
    if let Some(dir) = support::child_dir() {
        let _held = Store::open(dir, &settings()).unwrap();
        println!("open");
        // Until it is killed.
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        std::thread::park();
        return;
    }
    let dir = support::place();
    let mut child = support::again(
        "another_process_is_named_as_the_holder",
        dir.path(),
        Stdio::piped(),
    );
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("open")));
    let refusal = Store::open(dir.path(), &settings()).unwrap_err();
    let wanted = format!("process {}", child.id());
    assert!(
        matches!(&refusal, StoreError::Held { holder, .. } if *holder == wanted),
        "{refusal}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let store = Store::open(dir.path(), &settings()).unwrap();
    store.shutdown(LIMIT).unwrap();
}
