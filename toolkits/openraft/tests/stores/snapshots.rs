//! The kept snapshot: replaced whole, never by an older one.

use tsoracle_openraft_toolkit::{Flat, RocksdbSnapshots, SNAPSHOT_FAMILY, SnapshotKeeper};
use tsoracle_store::{Batch, Store};

use crate::common::{Place, Texts, at, close, snapshot};

type Kept = RocksdbSnapshots<Texts, Flat>;

async fn open(store: &Store) -> Kept {
    Kept::open(store.clone(), Flat).await.unwrap()
}

fn pieces(store: &Store) -> usize {
    let family = store.family(SNAPSHOT_FAMILY).unwrap();
    store.scan(family, .., usize::MAX).unwrap().len()
}

fn state(bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).collect()
}

#[tokio::test]
async fn a_large_snapshot_comes_back_whole_and_alone() {
    let place = Place::new();
    let store = place.store();
    let kept = open(&store).await;
    assert!(kept.current().await.unwrap().is_none());
    for (index, bytes) in [
        (1, 64 << 20),
        (2, 0),
        (3, 1),
        (4, 256 << 10),
        (5, (256 << 10) + 1),
    ] {
        kept.save(snapshot(1, index, state(bytes))).await.unwrap();
        let current = kept.current().await.unwrap().unwrap();
        assert_eq!(current.meta.last_log_id, Some(at(1, index)));
        assert!(current.snapshot == state(bytes), "{bytes} bytes");
        assert_eq!(pieces(&store), bytes.div_ceil(256 << 10));
    }
    drop(kept);
    close(store).await;
    let store = place.store();
    let current = open(&store).await.current().await.unwrap().unwrap();
    assert_eq!(current.meta.last_log_id, Some(at(1, 5)));
    assert_eq!(pieces(&store), 2);
}

#[tokio::test]
async fn an_older_snapshot_does_not_replace_a_newer_one() {
    let place = Place::new();
    let store = place.store();
    let kept = open(&store).await;
    kept.save(snapshot(2, 10, vec![1])).await.unwrap();
    for (term, index) in [(2, 9), (1, 11), (2, 10)] {
        kept.save(snapshot(term, index, vec![2])).await.unwrap();
    }
    let current = kept.current().await.unwrap().unwrap();
    assert_eq!(
        (current.meta.last_log_id, current.snapshot),
        (Some(at(2, 10)), vec![1])
    );
}

#[tokio::test]
async fn pieces_of_no_snapshot_are_removed_when_it_is_opened() {
    let place = Place::new();
    let store = place.store();
    let kept = open(&store).await;
    kept.save(snapshot(1, 1, state(600_000))).await.unwrap();
    kept.save(snapshot(1, 2, state(600_000))).await.unwrap();
    let family = store.family(SNAPSHOT_FAMILY).unwrap();
    let mut batch = Batch::new();
    for number in [0_u64, 6, 7, u64::MAX] {
        batch.put(family, number.to_be_bytes(), b"left over");
    }
    store.write(batch).await.unwrap();
    assert_eq!(pieces(&store), 7);
    let kept = open(&store).await;
    assert_eq!(pieces(&store), 3);
    assert!(kept.current().await.unwrap().unwrap().snapshot == state(600_000));
}

#[tokio::test]
async fn a_save_that_is_dropped_goes_on_and_the_next_one_waits_for_it() {
    let place = Place::new();
    let store = place.store();
    let kept = open(&store).await;
    for round in 1..20_u64 {
        let first = kept.save(snapshot(1, 2 * round, state(400_000)));
        let dropped = tokio::time::timeout(std::time::Duration::from_micros(round * 40), first);
        let _ = dropped.await;
        kept.save(snapshot(1, 2 * round + 1, state(300_000)))
            .await
            .unwrap();
        let current = kept.current().await.unwrap().unwrap();
        assert_eq!(current.meta.last_log_id, Some(at(1, 2 * round + 1)));
        assert!(current.snapshot == state(300_000));
        assert_eq!(pieces(&store), 2);
    }
}
