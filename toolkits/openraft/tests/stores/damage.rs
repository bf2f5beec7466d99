//! Damaged records and failing disks: an error that names the place, and never a guess.

use openraft::RaftLogReader;
use openraft::storage::RaftLogStorage;
use tsoracle_faultfs::{Action, Errno, Op, Rule};
use tsoracle_openraft_toolkit::{
    Flat, LOG_FAMILY, META_FAMILY, RocksdbLogStore, RocksdbSnapshots, SNAPSHOT_FAMILY,
    SnapshotKeeper, TailLimits, Vote,
};
use tsoracle_store::{Batch, Store};

use crate::common::{Place, Texts, append, at, close, entry, fill, log, snapshot};

async fn put(store: &Store, family: &str, key: &[u8], value: Option<&[u8]>) {
    let family = store.family(family).unwrap();
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(family, key, value),
        None => batch.delete(family, key),
    }
    store.write(batch).await.unwrap();
}

async fn refusal(store: &Store) -> String {
    let limits = TailLimits::default();
    let log = RocksdbLogStore::<Texts, _>::open(store.clone(), Flat, limits).await;
    log.unwrap_err().to_string()
}

#[tokio::test]
async fn a_damaged_record_is_named() {
    let place = Place::new();
    let store = place.store();
    let mut sound = log(&store, Flat).await;
    fill(&mut sound, 1, 0..10).await;
    sound.save_vote(&Vote::new(3, 1)).await.unwrap();
    sound.purge(at(1, 1)).await.unwrap();
    fill(&mut sound, 1, 10..11).await;
    let five = 5_u64.to_be_bytes();
    let original = store.get(store.family(LOG_FAMILY).unwrap(), five).unwrap();
    let six = store.get(store.family(LOG_FAMILY).unwrap(), 6_u64.to_be_bytes());
    let six = six.unwrap();
    let cases: [(Option<&[u8]>, &str); 5] = [
        (Some(&[]), "log, key 0000000000000005: nothing to decode"),
        (
            Some(&[9, 1, 1]),
            "log, key 0000000000000005: version 9 instead of 1",
        ),
        (Some(&[1, 1, 1]), "log, key 0000000000000005: cut off"),
        (
            six.as_deref(),
            "log, key 0000000000000005: it holds entry 6",
        ),
        (None, "log, key 0000000000000005: missing"),
    ];
    for (value, expected) in cases {
        put(&store, LOG_FAMILY, &five, value).await;
        let refusal = refusal(&store).await;
        assert!(refusal.starts_with(expected), "{refusal}");
    }
    put(&store, LOG_FAMILY, &five, original.as_deref()).await;
    for key in ["vote", "committed", "purged"] {
        let family = store.family(META_FAMILY).unwrap();
        let original = store.get(family, key).unwrap();
        put(&store, META_FAMILY, key.as_bytes(), Some(b"\x01")).await;
        let refusal = refusal(&store).await;
        assert!(
            refusal.starts_with("meta, key ") && refusal.contains("cut off"),
            "{refusal}"
        );
        put(&store, META_FAMILY, key.as_bytes(), original.as_deref()).await;
    }
    let late = log(&store, Flat).await.get_log_state().await.unwrap();
    assert_eq!(late.last_log_id, Some(at(1, 10)));
}

#[tokio::test]
async fn a_damaged_snapshot_is_named() {
    let place = Place::new();
    let store = place.store();
    let snapshots = RocksdbSnapshots::<Texts, _>::open(store.clone(), Flat).await;
    let snapshots = snapshots.unwrap();
    snapshots
        .save(snapshot(1, 7, vec![1; 700_000]))
        .await
        .unwrap();
    let second = 1_u64.to_be_bytes();
    put(&store, SNAPSHOT_FAMILY, &second, None).await;
    let error = snapshots.current().await.unwrap_err().to_string();
    assert!(
        error.starts_with("snapshot, key 0000000000000001: missing"),
        "{error}"
    );
    put(&store, SNAPSHOT_FAMILY, &second, Some(b"short")).await;
    let error = snapshots.current().await.unwrap_err().to_string();
    assert!(error.contains("bytes instead of 700000"), "{error}");
    put(&store, META_FAMILY, b"snapshot", Some(b"\x01\x01")).await;
    let opened = RocksdbSnapshots::<Texts, _>::open(store.clone(), Flat).await;
    let error = opened.unwrap_err().to_string();
    assert!(
        error.starts_with("meta, key 736e617073686f74: cut off"),
        "{error}"
    );
}

#[tokio::test]
async fn a_failed_sync_is_told_to_the_callback_and_to_everyone_after() {
    let place = Place::new();
    let store = place.store();
    let mut log = log(&store, Flat).await;
    let snapshots = RocksdbSnapshots::<Texts, _>::open(store.clone(), Flat).await;
    let snapshots = snapshots.unwrap();
    fill(&mut log, 1, 0..3).await;
    let mut reader = log.get_log_reader().await;
    let fails = Rule::new(place.data(), Action::Fail(Errno::Eio)).ops([Op::Sync]);
    let fails = tsoracle_faultfs::install(fails).unwrap();
    let outcome = append(&mut log, entry(1, 3)).await.await.unwrap();
    assert!(outcome.is_err());
    assert!(tsoracle_faultfs::hits(fails).unwrap() > 0);
    tsoracle_faultfs::remove(fails).unwrap();
    let callback = openraft::storage::IOFlushed::noop();
    assert!(log.append([entry(1, 4)], callback).await.is_err());
    assert!(log.save_vote(&Vote::new(9, 1)).await.is_err());
    assert!(log.truncate_after(None).await.is_err());
    assert!(log.purge(at(1, 2)).await.is_err());
    assert!(log.save_committed(None).await.is_err());
    assert!(log.read_committed().await.is_err());
    assert!(log.get_log_state().await.is_err());
    assert!(reader.try_get_log_entries(0..3).await.is_err());
    assert!(reader.read_vote().await.is_err());
    assert!(snapshots.save(snapshot(1, 2, vec![])).await.is_err());
    assert!(snapshots.current().await.is_err());
    drop((log, reader, snapshots));
    // The first failure is what a shutdown answers with; the directory is free all the same.
    assert!(
        store
            .shutdown_async(std::time::Duration::from_secs(30))
            .await
            .is_err()
    );

    let store = place.store();
    let last = crate::common::log(&store, Flat)
        .await
        .get_log_state()
        .await
        .unwrap();
    assert!(last.last_log_id >= Some(at(1, 2)));
    close(store).await;
}
