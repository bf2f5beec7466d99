//! One seed gives one run on the replicated reference: the same messages at the same instants, the
//! same verdicts and the same evidence. Another seed gives another.

#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::path::Path;
use std::sync::Arc;

use tsoracle_conformance::reference::SimulatedCluster;
use tsoracle_conformance::{ALL, Check, RunOptions, run_check};
use tsoracle_testbed::Backend;

const NODES: usize = 3;

/// What a run of a check looked like, as far as it must not differ.
fn run(check: &Check, seed: u64) -> (String, Vec<(u64, u64)>) {
    let dir = tempfile::tempdir_in(place()).unwrap();
    let cluster = Arc::new(SimulatedCluster::default());
    let backend: Arc<dyn Backend> = cluster.clone();
    let options = RunOptions::new(seed, NODES, dir.path().to_owned());
    let result = run_check(&backend, check, &options);
    let seen = format!(
        "{:?} {:?} {:?}",
        result.verdict, result.reason, result.evidence
    );
    (seen, cluster.schedule(dir.path()))
}

/// In memory where there is such a place: disks are simulated above it.
fn place() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        Path::new(env!("CARGO_TARGET_TMPDIR"))
    }
}

#[test]
fn the_same_seed_gives_the_same_schedule_and_the_same_verdicts() {
    let mut messages = 0;
    for check in ALL {
        let first = run(check, 7);
        assert_eq!(first, run(check, 7), "{check:?}");
        messages += first.1.iter().map(|(delivered, _)| delivered).sum::<u64>();
    }
    assert!(messages > 10_000, "only {messages} messages were delivered");
}

#[test]
fn another_seed_gives_another_schedule() {
    let same = ALL
        .iter()
        .filter(|check| {
            let (_, schedule) = run(check, 7);
            !schedule.is_empty() && schedule == run(check, 8).1
        })
        .count();
    assert_eq!(same, 0);
}
