//! The store's own promises: seeding, damage, leftovers, and one flush for many persists.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tempfile::{TempDir, tempdir};
use tsoracle_consensus::{ConsensusDriver, ConsensusError, Epoch, HighWaterState, PHYSICAL_MS_MAX};
use tsoracle_driver_file::{FileDriver, FileSettings, FileStoreError};
use tsoracle_faultfs::{self as faultfs, Action, Rule};

fn place() -> TempDir {
    tempdir().unwrap()
}

async fn open(dir: &Path) -> Result<FileDriver, FileStoreError> {
    FileDriver::open(dir, FileSettings::default()).await
}

/// The driver's own epoch, as a refusal of a foreign one tells it.
async fn epoch(driver: &FileDriver) -> Epoch {
    match driver.persist_high_water(0, Epoch::ZERO).await {
        Err(ConsensusError::Fenced { current, .. }) => current,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_seed_is_kept_and_refused_a_second_time() {
    let dir = place();
    let seed = HighWaterState {
        high_water: 5_000,
        epoch: Epoch::new(40),
    };
    FileDriver::init(dir.path(), seed, FileSettings::default())
        .await
        .unwrap();
    let again = FileDriver::init(dir.path(), seed, FileSettings::default()).await;
    assert!(
        matches!(again, Err(FileStoreError::AlreadyInitialized { .. })),
        "{again:?}"
    );

    let driver = open(dir.path()).await.unwrap();
    assert_eq!(driver.load_high_water().await.unwrap(), 5_000);
    assert_eq!(epoch(&driver).await, Epoch::new(41));
    let held = FileDriver::init(dir.path(), seed, FileSettings::default()).await;
    assert!(matches!(held, Err(FileStoreError::Held { .. })), "{held:?}");
}

#[tokio::test]
async fn a_seed_out_of_range_leaves_nothing_behind() {
    let dir = place();
    let seed = HighWaterState {
        high_water: PHYSICAL_MS_MAX + 1,
        epoch: Epoch::ZERO,
    };
    let refused = FileDriver::init(dir.path(), seed, FileSettings::default()).await;
    assert!(
        matches!(refused, Err(FileStoreError::OutOfRange(_))),
        "{refused:?}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_last_epoch_is_the_end() {
    let dir = place();
    let seed = |epoch| HighWaterState {
        high_water: 1,
        epoch: Epoch::new(epoch),
    };
    let refused = FileDriver::init(dir.path(), seed(u128::MAX), FileSettings::default()).await;
    assert!(
        matches!(refused, Err(FileStoreError::NoEpochLeft { .. })),
        "{refused:?}"
    );
    FileDriver::init(dir.path(), seed(u128::MAX - 1), FileSettings::default())
        .await
        .unwrap();
    open(dir.path()).await.unwrap().shutdown().await.unwrap();
    let refused = open(dir.path()).await;
    assert!(
        matches!(refused, Err(FileStoreError::NoEpochLeft { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_missing_folder_is_made_and_a_file_in_its_place_is_named() {
    let dir = place();
    let nested = dir.path().join("a/b");
    open(&nested).await.unwrap().shutdown().await.unwrap();

    let file = dir.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let refusal = open(&file).await.unwrap_err().to_string();
    assert!(refusal.contains("file"), "{refusal}");
}

#[tokio::test]
async fn what_an_unfinished_first_start_left_is_no_store() {
    let dir = place();
    let unfinished = dir.path().join("store.unfinished");
    std::fs::create_dir(&unfinished).unwrap();
    std::fs::write(unfinished.join("record"), "half").unwrap();
    let driver = open(dir.path()).await.unwrap();
    assert_eq!(driver.load_high_water().await.unwrap(), 0);
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_record_of_another_store_is_refused() {
    let (one, other) = (place(), place());
    for dir in [&one, &other] {
        open(dir.path()).await.unwrap().shutdown().await.unwrap();
    }
    std::fs::copy(
        other.path().join("store/record"),
        one.path().join("store/record"),
    )
    .unwrap();
    let refused = open(one.path()).await;
    assert!(
        matches!(refused, Err(FileStoreError::Damaged { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn sixty_four_persists_at_once_share_their_flushes() {
    let dir = place();
    let driver = open(dir.path()).await.unwrap();
    let epoch = epoch(&driver).await;
    let counter = faultfs::install(Rule::new(dir.path(), Action::Count)).unwrap();
    for round in 0..20 {
        let before = faultfs::counts(counter).unwrap().syncs;
        let persists = (1..=64).map(|i| driver.persist_high_water(round * 64 + i, epoch));
        for (i, outcome) in join_all(persists).await.into_iter().enumerate() {
            assert!(outcome.unwrap() > round * 64 + i as u64);
        }
        let syncs = faultfs::counts(counter).unwrap().syncs - before;
        assert!((1..=3).contains(&syncs), "{syncs} syncs in round {round}");
    }
    faultfs::remove(counter).unwrap();
}

#[tokio::test]
async fn a_persist_below_the_durable_value_touches_no_disk() {
    let dir = place();
    let driver = open(dir.path()).await.unwrap();
    let epoch = epoch(&driver).await;
    driver.persist_high_water(10, epoch).await.unwrap();
    let counter = faultfs::install(Rule::new(dir.path(), Action::Count)).unwrap();
    assert_eq!(driver.persist_high_water(10, epoch).await.unwrap(), 10);
    assert_eq!(driver.persist_high_water(3, epoch).await.unwrap(), 10);
    assert_eq!(faultfs::counts(counter).unwrap().writes, 0);
    faultfs::remove(counter).unwrap();
}

#[tokio::test]
async fn folders_that_were_made_for_the_store_survive_a_power_loss() {
    let base = place();
    let (data, journal) = (base.path().join("data"), base.path().join("journal"));
    std::fs::create_dir(&data).unwrap();
    faultfs::record_unsynced(&data, &journal).unwrap();
    let nested = data.join("a/b/c");
    let driver = open(&nested).await.unwrap();
    let epoch = epoch(&driver).await;
    driver.persist_high_water(777, epoch).await.unwrap();
    driver.shutdown().await.unwrap();
    faultfs::stop_recording();
    faultfs::lose_unsynced(&data, &journal).unwrap();

    let driver = open(&nested).await.unwrap();
    assert_eq!(driver.load_high_water().await.unwrap(), 777);
}

#[tokio::test]
async fn calls_that_are_dropped_while_they_wait_hold_up_no_shutdown() {
    let dir = place();
    let settings = FileSettings {
        deadline: Duration::from_secs(60),
        queue: 1,
        ..FileSettings::default()
    };
    for round in 0..20 {
        let driver = FileDriver::open(dir.path(), settings).await.unwrap();
        let epoch = epoch(&driver).await;
        let mut waiting: Vec<_> = (1..50)
            .map(|i| driver.persist_high_water(round * 50 + i, epoch).boxed())
            .collect();
        for persist in &mut waiting {
            assert!(persist.now_or_never().is_none());
        }
        let mut shutdown = driver.shutdown().boxed();
        // Half of the calls are never polled again, the others are dropped.
        let _ = (&mut shutdown).now_or_never();
        waiting.truncate(25);
        shutdown.await.unwrap();
        open(dir.path()).await.unwrap().shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn any_length_of_queue_is_possible() {
    for queue in [0, usize::MAX] {
        let dir = place();
        let settings = FileSettings {
            queue,
            ..FileSettings::default()
        };
        let driver = FileDriver::open(dir.path(), settings).await.unwrap();
        let epoch = epoch(&driver).await;
        assert_eq!(driver.persist_high_water(9, epoch).await.unwrap(), 9);
    }
}

#[tokio::test]
async fn a_full_queue_is_waited_for_until_the_deadline() {
    let dir = place();
    let deadline = Duration::from_millis(50);
    let settings = FileSettings {
        deadline,
        queue: 1,
        ..FileSettings::default()
    };
    let driver = FileDriver::open(dir.path(), settings).await.unwrap();
    let epoch = epoch(&driver).await;
    let stall = Action::Stall { at_most: None };
    let stall = Rule::new(dir.path(), stall).ops(faultfs::Op::SYNCS);
    let stall = faultfs::install(stall).unwrap();
    let outcomes = join_all((1..=8).map(|i| driver.persist_high_water(i, epoch))).await;
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(ConsensusError::Transient(_))),
            "{outcome:?}"
        );
    }
    faultfs::release(stall).unwrap();
    assert_eq!(driver.persist_high_water(9, epoch).await.unwrap(), 9);
    faultfs::remove(stall).unwrap();
}
