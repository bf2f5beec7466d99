//! openraft's own test suite, over the log store, the snapshots and the machine of this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]
#![cfg(feature = "rocksdb-log-store")]

#[allow(dead_code, reason = "shared with the other tests of the stores")]
#[path = "../common/mod.rs"]
mod common;

use std::time::Duration;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tsoracle_openraft_toolkit::{
    Flat, GroupPrefixed, KeySpace, Machine, RocksdbLogStore, RocksdbSnapshots,
};

use tsoracle_store::Store;

use crate::common::{Joined, Place, Texts, log};

/// A store in its place, closed when the suite is done with it: RocksDB aborts a process that ends
/// while a store still closes.
struct Open {
    store: Store,
    _place: Place,
}

impl Drop for Open {
    fn drop(&mut self) {
        // The suite has judged already; what counts is that RocksDB is gone.
        let _ = self.store.shutdown(Duration::from_secs(20));
    }
}

struct Builder<K>(K);

type Log<K> = RocksdbLogStore<Texts, K>;
type Joiner<K> = Machine<Texts, Joined, RocksdbSnapshots<Texts, K>>;

impl<K: KeySpace> StoreBuilder<Texts, Log<K>, Joiner<K>, Open> for Builder<K> {
    async fn build(&self) -> Result<(Open, Log<K>, Joiner<K>), StorageError<Texts>> {
        let place = Place::new();
        let store = place.store();
        let log = log(&store, self.0.clone()).await;
        let snapshots = RocksdbSnapshots::open(store.clone(), self.0.clone())
            .await
            .unwrap();
        let machine = Machine::open(Joined::default(), snapshots).await.unwrap();
        let open = Open {
            store,
            _place: place,
        };
        Ok((open, log, machine))
    }
}

fn run<K: KeySpace>(keyspace: K) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let suite = Suite::<Texts, Log<K>, Joiner<K>, _, Open>::test_all(Builder(keyspace));
    runtime.block_on(suite).unwrap();
}

#[test]
fn openrafts_suite_passes_flat() {
    run(Flat);
}

#[test]
fn openrafts_suite_passes_with_a_group() {
    run(GroupPrefixed(u64::MAX));
}
