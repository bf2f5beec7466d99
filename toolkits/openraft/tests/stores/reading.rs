//! Reading: from memory, from the store, and across truncation and purge.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::RaftLogReader;
use openraft::storage::RaftLogStorage;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tsoracle_faultfs::{Action, Op, Rule};
use tsoracle_openraft_toolkit::{Flat, GroupPrefixed, LOG_FAMILY, LogId, TailLimits};
use tsoracle_store::{Batch, Store};

use crate::common::{Place, append, at, close, entry, fill, limited_log, log, positions};

const LIMIT: Duration = Duration::from_secs(30);

fn at_most(entries: usize) -> TailLimits {
    TailLimits {
        entries,
        ..TailLimits::default()
    }
}

/// Takes an entry away behind the log's back.
async fn steal(store: &Store, index: u64) {
    let mut batch = Batch::new();
    batch.delete(store.family(LOG_FAMILY).unwrap(), index.to_be_bytes());
    store.write(batch).await.unwrap();
}

#[tokio::test]
async fn recent_entries_are_read_from_memory_and_no_more_than_that() {
    let place = Place::new();
    let store = place.store();
    let mut log = limited_log(&store, Flat, at_most(8)).await;
    fill(&mut log, 1, 0..50).await;
    fill(&mut log, 1, 50..100).await;
    steal(&store, 91).await;
    steal(&store, 92).await;
    let mut reader = log.get_log_reader().await;
    let recent = reader.try_get_log_entries(92..100).await.unwrap();
    assert_eq!(recent.first().unwrap().log_id, at(1, 92));
    let error = reader.try_get_log_entries(91..100).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("log, key 000000000000005b: missing"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_durable_yet_can_be_read() {
    let place = Place::new();
    let store = place.store();
    let mut log = limited_log(&store, Flat, at_most(4)).await;
    fill(&mut log, 1, 0..10).await;
    let stall = Rule::new(
        place.data(),
        Action::Stall {
            at_most: Some(LIMIT),
        },
    );
    let stall = tsoracle_faultfs::install(stall.ops([Op::Sync])).unwrap();
    let mut outcomes = Vec::new();
    for index in 10..60 {
        outcomes.push(append(&mut log, entry(1, index)).await);
    }
    let expected: Vec<LogId> = (0..60).map(|index| at(1, index)).collect();
    assert_eq!(positions(&mut log).await, expected);
    assert!(
        outcomes
            .iter_mut()
            .all(|outcome| outcome.try_recv().is_err())
    );
    tsoracle_faultfs::release(stall).unwrap();
    for outcome in outcomes {
        outcome.await.unwrap().unwrap();
    }
    tsoracle_faultfs::remove(stall).unwrap();
    assert_eq!(positions(&mut log).await, expected);
}

#[tokio::test]
async fn a_limited_read_is_short_and_never_empty() {
    let place = Place::new();
    let store = place.store();
    let mut log = limited_log(&store, Flat, at_most(3)).await;
    let large = |index| {
        let mut entry = entry(1, index);
        entry.payload = openraft::EntryPayload::Normal("x".repeat(400_000));
        entry
    };
    for index in 0..8 {
        append(&mut log, large(index)).await.await.unwrap().unwrap();
    }
    let mut reader = log.get_log_reader().await;
    for (start, expected) in [(0, 0..2), (1, 1..3), (4, 4..5), (5, 5..7), (7, 7..8)] {
        let read = reader.limited_get_log_entries(start, 8).await.unwrap();
        let read: Vec<u64> = read.iter().map(|entry| entry.log_id.index).collect();
        assert_eq!(read, expected.collect::<Vec<_>>());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Truncate(u64),
    Purge(u64),
    Read(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6_u64).prop_map(Step::Append),
        1 => (0..6_u64).prop_map(Step::Truncate),
        1 => (0..8_u64).prop_map(Step::Purge),
        4 => (0..60_u64, 0..20_u64).prop_map(|(start, length)| Step::Read(start, length)),
    ]
}

/// Runs the steps on a log and on a plain vector; then opens the log again.
async fn compare(store: &Store, group: u64, steps: Vec<Step>) {
    let mut log = limited_log(store, GroupPrefixed(group), at_most(3)).await;
    let mut model: Vec<LogId> = Vec::new();
    let (mut next, mut purged) = (0, None);
    for (term, step) in (1..).zip(steps) {
        match step {
            Step::Append(count) => {
                fill(&mut log, term, next..next + count).await;
                model.extend((next..next + count).map(|index| at(term, index)));
                next += count;
            }
            Step::Truncate(count) => {
                let gone = usize::try_from(count).unwrap().min(model.len());
                model.truncate(model.len() - gone);
                let keep = model.last().copied().or(purged);
                log.truncate_after(keep).await.unwrap();
                next = keep.map_or(0, |keep| keep.index + 1);
            }
            Step::Purge(count) => {
                let gone = usize::try_from(count).unwrap().min(model.len());
                if let Some(upto) = model.drain(..gone).next_back() {
                    log.purge(upto).await.unwrap();
                    purged = Some(upto);
                }
            }
            Step::Read(start, length) => {
                let mut reader = log.get_log_reader().await;
                let read = reader.try_get_log_entries(start..start + length).await;
                let read: Vec<LogId> = read.unwrap().iter().map(|entry| entry.log_id).collect();
                let inside = |at: &&LogId| (start..start + length).contains(&at.index);
                assert_eq!(
                    read,
                    model.iter().filter(inside).copied().collect::<Vec<_>>()
                );
            }
        }
        let state = log.get_log_state().await.unwrap();
        assert_eq!(state.last_log_id, model.last().copied().or(purged));
        assert_eq!(state.last_purged_log_id, purged);
    }
    fill(&mut log, 1000, next..next + 1).await;
    model.push(at(1000, next));
    let mut log = limited_log(store, GroupPrefixed(group), at_most(3)).await;
    assert_eq!(positions(&mut log).await, model);
}

#[test]
fn a_log_reads_like_a_vector() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = Place::new();
    let store = place.store();
    let groups = AtomicU64::new(0);
    let config = ProptestConfig::with_cases(64);
    let steps = prop::collection::vec(step(), 1..40);
    let run = TestRunner::new(config).run(&steps, |steps| {
        // A group of its own for each case: one store serves all.
        let group = groups.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(compare(&store, group, steps));
        Ok(())
    });
    run.unwrap();
}

#[tokio::test]
async fn committed_comes_back_as_of_the_last_write() {
    let place = Place::new();
    let store = place.store();
    let mut log = log(&store, Flat).await;
    fill(&mut log, 1, 0..10).await;
    log.save_committed(Some(at(1, 5))).await.unwrap();
    assert_eq!(log.read_committed().await.unwrap(), Some(at(1, 5)));
    fill(&mut log, 1, 10..12).await;
    log.save_committed(Some(at(1, 9))).await.unwrap();
    drop(log);
    close(store).await;
    let mut log = crate::common::log(&place.store(), Flat).await;
    assert_eq!(log.read_committed().await.unwrap(), Some(at(1, 5)));
}
