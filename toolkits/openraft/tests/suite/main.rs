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

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tsoracle_openraft_toolkit::{
    Flat, GroupPrefixed, KeySpace, Machine, RocksdbLogStore, RocksdbSnapshots,
};

use crate::common::{Joined, Place, Texts, log};

struct Builder<K>(K);

type Log<K> = RocksdbLogStore<Texts, K>;
type Joiner<K> = Machine<Texts, Joined, RocksdbSnapshots<Texts, K>>;

impl<K: KeySpace> StoreBuilder<Texts, Log<K>, Joiner<K>, Place> for Builder<K> {
    async fn build(&self) -> Result<(Place, Log<K>, Joiner<K>), StorageError<Texts>> {
        let place = Place::new();
        let store = place.store();
        let log = log(&store, self.0.clone()).await;
        let snapshots = RocksdbSnapshots::open(store, self.0.clone()).await.unwrap();
        let machine = Machine::open(Joined::default(), snapshots).await.unwrap();
        Ok((place, log, machine))
    }
}

fn run<K: KeySpace>(keyspace: K) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let suite = Suite::<Texts, Log<K>, Joiner<K>, _, Place>::test_all(Builder(keyspace));
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
