//! The file driver beside its floor: one in-place sector and one flush in the same folder.
//!
//! The two run one after the other here; the lab alternates them in blocks, and its ratio is the
//! figure to quote.

#![allow(missing_docs, reason = "criterion's macros generate public items")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot run has no figure"
)]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};
use tsoracle_consensus::{ConsensusDriver, Epoch, LeaderState};
use tsoracle_driver_file::{FileDriver, FileSettings};

const CONCURRENT: u64 = 64;

struct Open {
    runtime: Runtime,
    driver: FileDriver,
    epoch: Epoch,
    high_water: u64,
}

impl Open {
    fn new(dir: &Path) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let driver = runtime.block_on(FileDriver::open(dir, FileSettings::default()));
        let driver = driver.expect("a store in a fresh folder");
        let first = runtime.block_on(driver.leadership_events().next());
        let Some(LeaderState::Leader { epoch, .. }) = first else {
            panic!("an open file driver leads, not {first:?}");
        };
        Self {
            runtime,
            driver,
            epoch,
            high_water: 0,
        }
    }

    /// Time of `rounds` rounds of `at_once` persists, each persist above the one before.
    fn persist(&mut self, rounds: u64, at_once: u64) -> Duration {
        let (driver, epoch, first) = (&self.driver, self.epoch, self.high_water + 1);
        self.high_water += rounds * at_once;
        self.runtime.block_on(async {
            let began = Instant::now();
            for round in 0..rounds {
                let from = first + round * at_once;
                let persists = (from..from + at_once).map(|v| driver.persist_high_water(v, epoch));
                for outcome in join_all(persists).await {
                    outcome.expect("a sound disk");
                }
            }
            began.elapsed()
        })
    }

    fn load(&self, times: u64) -> Duration {
        self.runtime.block_on(async {
            let began = Instant::now();
            for _ in 0..times {
                std::hint::black_box(self.driver.load_high_water().await.expect("a leader"));
            }
            began.elapsed()
        })
    }
}

/// Overwrites one sector in place and flushes it.
fn sync_floor(dir: &Path, times: u64) -> Duration {
    let path = dir.join("floor");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = file.expect("a file in a fresh folder");
    let write = |content: u64| {
        let mut sector = [0; 512];
        sector[..8].copy_from_slice(&content.to_le_bytes());
        file.write_all_at(&sector, 0)
            .and_then(|()| file.sync_data())
            .expect("a sound disk");
    };
    write(u64::MAX);
    let began = Instant::now();
    (0..times).for_each(write);
    began.elapsed()
}

fn file(criterion: &mut Criterion) {
    let dir =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on the build disk");
    let mut open = Open::new(dir.path());
    let mut group = criterion.benchmark_group("file");
    group.bench_function("sync_floor", |b| {
        b.iter_custom(|n| sync_floor(dir.path(), n));
    });
    group.bench_function("persist", |b| {
        b.iter_custom(|n| open.persist(n, 1));
    });
    group.bench_function("persist_64_at_once", |b| {
        b.iter_custom(|n| open.persist(n, CONCURRENT));
    });
    group.bench_function("load", |b| {
        b.iter_custom(|n| open.load(n));
    });
    group.finish();
}

criterion_group!(benches, file);
criterion_main!(benches);
