//! What an append costs: syncs, and bytes.

use std::time::{Duration, Instant};

use openraft::storage::RaftLogStorage;
use tsoracle_faultfs::{Action, Name, Op, Rule, RuleId};
use tsoracle_openraft_toolkit::{Entry, Flat, LOG_FAMILY, Vote};

use crate::common::{Place, Texts, append, at, entry, fill, log};

/// Counts the syncs of RocksDB's log from now on.
fn count(place: &Place) -> RuleId {
    let rule = Rule::new(place.data(), Action::Count).ops([Op::Sync]);
    tsoracle_faultfs::install(rule.named(Name::EndsWith(".log".into()))).unwrap()
}

/// Waits until the store has laid out its files, which syncs too; returns the count by then.
async fn at_rest(rule: RuleId) -> u64 {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let before = syncs(rule);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = syncs(rule);
        if now == before {
            return now;
        }
        assert!(Instant::now() < limit, "the store does not rest");
    }
}

fn syncs(rule: RuleId) -> u64 {
    tsoracle_faultfs::counts(rule).unwrap().syncs
}

#[tokio::test]
async fn a_lone_append_costs_one_sync_and_the_rest_rides_along() {
    let place = Place::new();
    let store = place.store();
    let mut log = log(&store, Flat).await;
    let rule = count(&place);
    fill(&mut log, 1, 0..10).await;
    let laid_out = at_rest(rule).await;
    for index in 10..60 {
        append(&mut log, entry(1, index))
            .await
            .await
            .unwrap()
            .unwrap();
        log.save_committed(Some(at(1, index))).await.unwrap();
        log.purge(at(1, index - 9)).await.unwrap();
    }
    assert_eq!(syncs(rule) - laid_out, 50);
    log.save_vote(&Vote::new(2, 1)).await.unwrap();
    log.truncate_after(Some(at(1, 55))).await.unwrap();
    assert_eq!(syncs(rule) - laid_out, 52);
}

#[tokio::test]
async fn appends_that_wait_together_share_a_sync() {
    const APPENDS: u64 = 2000;
    let place = Place::new();
    let store = place.store();
    let mut log = log(&store, Flat).await;
    fill(&mut log, 1, 0..1).await;
    let rule = count(&place);
    let mut outcomes = Vec::new();
    for index in 1..=APPENDS {
        outcomes.push(append(&mut log, entry(1, index)).await);
    }
    for outcome in outcomes {
        outcome.await.unwrap().unwrap();
    }
    println!("{} syncs for {APPENDS} appends", syncs(rule));
    assert!(syncs(rule) <= APPENDS / 10, "{} syncs", syncs(rule));
}

#[tokio::test]
async fn a_small_command_takes_a_small_record() {
    let place = Place::new();
    let store = place.store();
    let mut log = log(&store, Flat).await;
    let sixteen = Entry::<Texts> {
        log_id: at(1000, 1_000_000),
        payload: openraft::EntryPayload::Normal("0123456789abcdef".into()),
    };
    append(&mut log, sixteen).await.await.unwrap().unwrap();
    let family = store.family(LOG_FAMILY).unwrap();
    let stored = store.scan(family, .., 1).unwrap();
    let (key, value) = stored.first().unwrap();
    println!("{} bytes of key, {} of record", key.len(), value.len());
    assert!(value.len() <= 26);
}
