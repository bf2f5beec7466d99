//! Groups side by side in one store.

use openraft::RaftLogReader;
use openraft::storage::RaftLogStorage;
use tsoracle_openraft_toolkit::{GroupPrefixed, RocksdbSnapshots, SnapshotKeeper, Vote};

use crate::common::{Place, Texts, at, close, fill, log, positions, snapshot};

const GROUPS: [u64; 3] = [1, 11, u64::MAX];

#[tokio::test]
async fn groups_do_not_see_each_other() {
    let place = Place::new();
    let store = place.store();
    let mut logs = Vec::new();
    let mut snapshots = Vec::new();
    for group in GROUPS {
        let group = GroupPrefixed(group);
        logs.push(log(&store, group).await);
        let kept = RocksdbSnapshots::<Texts, _>::open(store.clone(), group);
        snapshots.push(kept.await.unwrap());
    }
    for log in &mut logs {
        fill(log, 1, 0..30).await;
    }
    // In each group something else, with the largest index that a log may have among the rest.
    for (n, log) in (0..).zip(&mut logs) {
        log.save_vote(&Vote::new(10 + n, 1)).await.unwrap();
        log.save_committed(Some(at(1, 20 + n))).await.unwrap();
        log.truncate_after(Some(at(1, 25 + n))).await.unwrap();
        log.purge(at(1, 5 + n)).await.unwrap();
        fill(log, 2, 26 + n..40).await;
    }
    for (n, kept) in (0..).zip(&snapshots) {
        kept.save(snapshot(1, 5 + n, vec![u8::try_from(n).unwrap(); 600_000]))
            .await
            .unwrap();
    }
    logs[1].purge(at(3, 1000)).await.unwrap();
    fill(&mut logs[1], 3, 1001..1003).await;
    drop((logs, snapshots));
    close(store).await;

    let store = place.store();
    for (n, group) in (0..).zip(GROUPS) {
        let group = GroupPrefixed(group);
        let mut log = log(&store, group).await;
        let state = log.get_log_state().await.unwrap();
        let found = positions(&mut log).await;
        if n == 1 {
            assert_eq!(state.last_purged_log_id, Some(at(3, 1000)));
            assert_eq!(found, [at(3, 1001), at(3, 1002)]);
        } else {
            assert_eq!(state.last_purged_log_id, Some(at(1, 5 + n)));
            let old = (6 + n..26 + n).map(|index| at(1, index));
            let new = (26 + n..40).map(|index| at(2, index));
            assert_eq!(found, old.chain(new).collect::<Vec<_>>());
        }
        let vote = log.get_log_reader().await.read_vote().await.unwrap();
        assert_eq!(vote, Some(Vote::new(10 + n, 1)));
        assert_eq!(log.read_committed().await.unwrap(), Some(at(1, 20 + n)));
        let kept = RocksdbSnapshots::<Texts, _>::open(store.clone(), group).await;
        let kept = kept.unwrap().current().await.unwrap().unwrap();
        assert_eq!(kept.meta.last_log_id, Some(at(1, 5 + n)));
        assert_eq!(kept.snapshot, vec![u8::try_from(n).unwrap(); 600_000]);
    }
}
