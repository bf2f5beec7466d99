//! The machine: its place in the log, its snapshots, holding, and watching it.

use std::time::Duration;

use futures_util::stream;
use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, Membership};
use tsoracle_openraft_toolkit::{Entry, Flat, LogId, Machine, RocksdbSnapshots};
use tsoracle_store::Store;

use crate::common::{Joined, Place, Texts, at, close, entry};

type Joiner = Machine<Texts, Joined, RocksdbSnapshots<Texts, Flat>>;

async fn open(store: &Store) -> Joiner {
    let snapshots = RocksdbSnapshots::open(store.clone(), Flat).await.unwrap();
    Machine::open(Joined::default(), snapshots).await.unwrap()
}

async fn apply(machine: &mut Joiner, entries: Vec<Entry<Texts>>) {
    let items = entries.into_iter().map(|entry| Ok((entry, None)));
    machine.apply(stream::iter(items)).await.unwrap();
}

#[tokio::test]
async fn a_restart_begins_with_the_newest_snapshot() {
    let place = Place::new();
    let store = place.store();
    let mut machine = open(&store).await;
    let members = Membership::new_with_defaults(vec![[1].into()], []);
    let change = Entry::<Texts> {
        log_id: at(1, 2),
        payload: EntryPayload::Membership(members.clone()),
    };
    apply(&mut machine, vec![entry(1, 1), change, entry(1, 3)]).await;
    let mut builder = machine.get_snapshot_builder().await;
    let built = builder.build_snapshot().await.unwrap();
    assert_eq!(built.meta.last_log_id, Some(at(1, 3)));
    apply(&mut machine, vec![entry(1, 4)]).await;
    assert_eq!(machine.handle().read(|joined| joined.0.clone()), "134");
    drop((machine, builder));
    close(store).await;

    let store = place.store();
    let mut machine = open(&store).await;
    let (applied, membership) = machine.applied_state().await.unwrap();
    assert_eq!(applied, Some(at(1, 3)));
    assert_eq!(membership.membership(), &members);
    assert_eq!(membership.log_id(), &Some(at(1, 2)));
    let handle = machine.handle();
    assert_eq!(handle.read(|joined| joined.0.clone()), "13");
    assert_eq!(*handle.applied().borrow(), Some(at(1, 3)));
}

#[tokio::test]
async fn a_held_machine_applies_later_and_in_order() {
    let place = Place::new();
    let store = place.store();
    let mut machine = open(&store).await;
    let handle = machine.handle();
    handle.hold(true);
    let applying = tokio::spawn(async move {
        apply(
            &mut machine,
            (1..=100).map(|index| entry(1, index)).collect(),
        )
        .await;
        machine
    });
    let mut applied = handle.applied();
    let moved = tokio::time::timeout(Duration::from_millis(50), applied.changed()).await;
    assert!(moved.is_err() && handle.read(|joined| joined.0.is_empty()));
    handle.hold(false);
    let end = |position: &Option<LogId>| *position == Some(at(1, 100));
    applied.wait_for(end).await.unwrap();
    let expected: String = (1..=100).map(|index| index.to_string()).collect();
    assert_eq!(handle.read(|joined| joined.0.clone()), expected);
    applying.await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_the_state_refuses_is_never_the_kept_one() {
    let place = Place::new();
    let store = place.store();
    let mut machine = open(&store).await;
    apply(&mut machine, vec![entry(1, 1)]).await;
    let mut builder = machine.get_snapshot_builder().await;
    let mut meta = builder.build_snapshot().await.unwrap().meta;
    meta.last_log_id = Some(at(2, 9));
    let error = machine
        .install_snapshot(&meta, vec![0xff])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refuses"), "{error}");
    let kept = machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(kept.meta.last_log_id, Some(at(1, 1)));
    drop((machine, builder));
    close(store).await;
    let kept = open(&place.store()).await.handle();
    assert_eq!(kept.read(|joined| joined.0.clone()), "1");
}
