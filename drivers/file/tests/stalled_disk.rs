//! No blocking I/O runs on an async worker: while the disk hangs, a timer on the only thread of
//! the runtime keeps ticking.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::tempdir;
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch};
use tsoracle_driver_file::{FileDriver, FileSettings};
use tsoracle_faultfs::{self as faultfs, Action, Op, Rule, RuleId};

const STALL: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(5);

fn stall_syncs(dir: &Path) -> RuleId {
    let stall = Action::Stall {
        at_most: Some(STALL),
    };
    faultfs::install(Rule::new(dir, stall).ops(Op::SYNCS)).unwrap()
}

/// Runs `work` on this thread's runtime and counts how often a timer ticked meanwhile.
async fn ticks_during<T>(work: impl Future<Output = T>) -> (T, u32) {
    let mut ticks = 0;
    let mut timer = tokio::time::interval(TICK);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return (done, ticks),
            _ = timer.tick() => ticks += 1,
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn timers_tick_while_a_persist_hangs() {
    let dir = tempdir().unwrap();
    let settings = FileSettings {
        deadline: 20 * STALL,
        ..FileSettings::default()
    };
    let driver = FileDriver::open(dir.path(), settings).await.unwrap();
    let Err(ConsensusError::Fenced { current, .. }) =
        driver.persist_high_water(0, Epoch::ZERO).await
    else {
        panic!("an epoch that was never issued is fenced");
    };
    let rule = stall_syncs(dir.path());
    let began = Instant::now();
    let (outcome, ticks) = ticks_during(driver.persist_high_water(7, current)).await;
    assert_eq!(outcome.unwrap(), 7);
    assert!(faultfs::hits(rule).unwrap() > 0 && began.elapsed() >= STALL);
    // A blocked runtime would have ticked once; a busy machine ticks less often than asked.
    assert!(ticks > 10, "{ticks} ticks while the disk hung");
    faultfs::remove(rule).unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn timers_tick_while_an_opening_hangs() {
    let dir = tempdir().unwrap();
    let rule = stall_syncs(dir.path());
    let settings = FileSettings {
        open_deadline: STALL / 2,
        ..FileSettings::default()
    };
    let (outcome, ticks) = ticks_during(FileDriver::open(dir.path(), settings)).await;
    assert!(
        outcome
            .unwrap_err()
            .to_string()
            .contains("did not answer within")
    );
    assert!(ticks > 10, "{ticks} ticks while the disk hung");
    faultfs::remove(rule).unwrap();
}
