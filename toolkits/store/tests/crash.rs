//! What was acknowledged survives a killed process, and the loss of all that was never synced.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{LIMIT, Numbers};
use tsoracle_faultfs::{
    Action, Name, Op, Rule, Trigger, When, hits, install, lose_unsynced, record_unsynced,
};
use tsoracle_store::Store;

const ROUNDS: usize = 50;
const SEED: u64 = 0xc0ffee;

/// Writes batches for ever and prints the number of each that was acknowledged. Every third one
/// goes through the direct handle; two more are written ahead without a sync.
fn write_for_ever(dir: &Path) -> ! {
    let store = Store::open(dir, &support::settings()).unwrap();
    let mut direct = store.direct().unwrap();
    let mut out = std::io::stdout();
    let mut n = support::contents(&store).unwrap().1;
    writeln!(out, "acknowledged {n}").unwrap();
    loop {
        for step in 1..=2 {
            store
                .write_blocking(support::batch(&store, n + step))
                .unwrap();
            writeln!(out, "acknowledged {}", n + step).unwrap();
        }
        direct.write(&support::batch(&store, n + 3)).unwrap();
        direct.write(&support::batch(&store, n + 4)).unwrap();
        direct.sync().unwrap();
        n += 4;
        writeln!(out, "acknowledged {n}").unwrap();
    }
}

/// Kills a writer after `kill_at` more acknowledgements; returns the last number it reported.
fn kill_a_writer(test: &str, dir: &Path, kill_at: usize) -> u64 {
    let mut child = support::again(test, dir, Stdio::piped());
    let mut last = None;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    while let Some(Ok(line)) = lines.next() {
        let Some(n) = line.strip_prefix("acknowledged ") else {
            continue;
        };
        last = n.parse().ok().or(last);
        seen += 1;
        if seen == kill_at {
            child.kill().unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    last.unwrap()
}

/// Opens the store; it holds whole batches, all that were acknowledged and at most the few that
/// were under way.
fn check(dir: &Path, acknowledged: u64) {
    let store = Store::open(dir, &support::settings()).unwrap();
    let found = support::contents(&store).unwrap();
    assert!(found.1 >= acknowledged, "{} of {acknowledged}", found.1);
    assert!(found.1 <= acknowledged + 4);
    assert_eq!(found, support::expected(found.1));
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn acknowledged_batches_survive_kills() {
    if let Some(dir) = support::child_dir() {
        write_for_ever(&dir);
    }
    let place = support::quick_place();
    println!("seed {SEED:#x}");
    let mut numbers = Numbers(SEED);
    let dir = place.path().join("store");
    for _ in 0..ROUNDS {
        let kill_at = 1 + numbers.below(400);
        let acknowledged = kill_a_writer("acknowledged_batches_survive_kills", &dir, kill_at);
        check(&dir, acknowledged);
    }
    let store = Store::open(&dir, &support::settings()).unwrap();
    assert_eq!(store.starts(), 2 * ROUNDS as u64 + 1);
    store.shutdown(LIMIT).unwrap();
}

#[test]
fn acknowledged_batches_survive_power_loss() {
    if let Some(root) = support::child_dir() {
        record_unsynced(&root.join("data"), &root.join("journal")).unwrap();
        write_for_ever(&root.join("data").join("store"));
    }
    println!("seed {SEED:#x}");
    let mut numbers = Numbers(SEED);
    let place = support::quick_place();
    fs::create_dir(place.path().join("data")).unwrap();
    let (data, journal) = (place.path().join("data"), place.path().join("journal"));
    let test = "acknowledged_batches_survive_power_loss";
    let mut lost = 0;
    for _ in 0..ROUNDS / 5 {
        let kill_at = 1 + numbers.below(1000);
        let acknowledged = kill_a_writer(test, place.path(), kill_at);
        lost += u32::from(!lose_unsynced(&data, &journal).unwrap().is_empty());
        check(&data.join("store"), acknowledged);
        fs::remove_dir_all(&journal).unwrap();
    }
    assert!(lost > 0, "nothing was ever lost");
}

#[test]
fn store_whose_making_was_interrupted_is_made_again() {
    let test = "store_whose_making_was_interrupted_is_made_again";
    if let Some(root) = support::child_dir() {
        return open_and_crash(&root);
    }
    let place = support::quick_place();
    let calls = crash_at_every_call(test, place.path(), 3, |data| {
        fs::create_dir_all(data).unwrap();
        0
    });
    assert!(calls > 30);
}

/// Whatever a process that opened a store has done when it ends, the next one opens it. Its log is
/// one that was written over: it does not end where its file does.
#[test]
fn store_whose_opening_was_interrupted_is_opened_again() {
    let test = "store_whose_opening_was_interrupted_is_opened_again";
    if let Some(root) = support::child_dir() {
        if root.join("n").exists() {
            return open_and_crash(&root);
        }
        write_for_ever(&root.join("data").join("store"));
    }
    let place = support::quick_place();
    let original = place.path().join("original");
    fs::create_dir_all(original.join("data")).unwrap();
    let acknowledged = kill_a_writer(test, &original, 4000);
    let calls = crash_at_every_call(test, place.path(), 1, |data| {
        support::copy_tree(&original.join("data"), data);
        acknowledged
    });
    assert!(calls > 30);
}

/// A log file ends before what the one before it held has reached tables, and only one family has
/// changed in it. RocksDB's MANIFEST then has a family that is ahead of a log file which counts still
/// for the others; the file was written over, so it ends in an older record; and nothing follows.
#[test]
fn store_whose_flushes_lag_opens_after_every_crash() {
    let test = "store_whose_flushes_lag_opens_after_every_crash";
    if let Some(root) = support::child_dir() {
        return lag(&root);
    }
    let place = support::quick_place();
    let calls = crash_at_every_call(test, place.path(), 1, |data| {
        fs::create_dir_all(data).unwrap();
        0
    });
    assert!(calls > 30);
}

/// The child: fills log files one at a time until all that there are have been written over, and
/// then two while the first of them goes to tables slowly. Crashes are counted from there.
fn lag(root: &Path) {
    let data = root.join("data");
    record_unsynced(&data, &root.join("journal")).unwrap();
    let store = Store::open(data.join("store"), &support::settings()).unwrap();
    let count = |op, name| {
        let rule = Rule::new(&data, Action::Count).ops([op]).named(name);
        install(rule).unwrap()
    };
    // Two flushes may have become one.
    let wait = |rule, calls| {
        let until = Instant::now() + Duration::from_secs(1);
        while hits(rule).unwrap() < calls && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let fill = |length| store.set_note("last", Some(&vec![0x5a; length])).unwrap();
    let renames = count(Op::Rename, Name::EndsWith(".log".into()));
    let commits = count(Op::Sync, Name::StartsWith("MANIFEST".into()));
    fill(10);
    // Two files are laid out.
    wait(commits, 2);
    for commit in 3..6 {
        fill(200_000);
        wait(commits, commit);
    }
    wait(renames, 3);
    let slow = Rule::new(&data, Action::Delay(Duration::from_millis(20)));
    install(slow.ops([Op::Sync]).named(Name::EndsWith(".sst".into()))).unwrap();
    crash_as_told(root);
    store.write_blocking(support::batch(&store, 1)).unwrap();
    fill(70_000);
    fill(70_000);
    wait(commits, 7);
    store.shutdown(LIMIT).unwrap();
}

/// Opens a store again and again, from what `prepare` leaves in a folder (and tells the last batch
/// of), in a process that ends after the first, second, third call that changes a file, up to one
/// that it does not come to; every `step`th. Twice each: with what was not synced, and without it.
fn crash_at_every_call(
    test: &str,
    place: &Path,
    step: usize,
    prepare: impl Fn(&Path) -> u64,
) -> usize {
    for n in (1..).step_by(step) {
        let mut finished = false;
        for power_is_lost in [false, true] {
            let root = place.join(n.to_string());
            let (data, journal) = (root.join("data"), root.join("journal"));
            let acknowledged = prepare(&data);
            fs::write(root.join("n"), n.to_string()).unwrap();
            let child = support::again(test, &root, Stdio::null()).wait().unwrap();
            finished = child.success();
            if power_is_lost {
                lose_unsynced(&data, &journal).unwrap();
            }
            check(&data.join("store"), acknowledged);
            fs::remove_dir_all(&root).unwrap();
        }
        if finished {
            println!("{n} calls");
            return n;
        }
    }
    unreachable!("every opening ends")
}

/// The child: opens the store, and crashes on the way.
fn open_and_crash(root: &Path) {
    let data = root.join("data");
    crash_as_told(root);
    record_unsynced(&data, &root.join("journal")).unwrap();
    let store = Store::open(data.join("store"), &support::settings()).unwrap();
    store.shutdown(LIMIT).unwrap();
}

/// Ends this process after its `n`th call from now that changes a file.
fn crash_as_told(root: &Path) {
    let n: u64 = fs::read_to_string(root.join("n")).unwrap().parse().unwrap();
    let crash = Rule::new(root.join("data"), Action::Crash(When::After));
    install(crash.ops(Op::MUTATING).at(Trigger::Nth(n))).unwrap();
}
