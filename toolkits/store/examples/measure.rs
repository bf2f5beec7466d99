//! A synced 40-byte batch beside the floor, an overwritten sector in the same directory; the time
//! that an opening takes; memory. `cargo run --release --example measure -- DIR`
#![allow(
    clippy::unwrap_used,
    reason = "a measurement that cannot run has failed"
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tsoracle_store::{Batch, Direct, Family, Settings, Store};

const BLOCK: usize = 100;
const BLOCKS: usize = 40;
const LIMIT: Duration = Duration::from_secs(60);

fn main() {
    let parent = std::env::args_os().nth(1);
    let parent = parent.map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dir = tempfile::tempdir_in(&parent).unwrap();
    println!("directory {}", dir.path().display());
    openings(&dir.path().join("store"));

    let store = Store::open(dir.path().join("store"), &settings()).unwrap();
    let family = store.family("log").unwrap();
    let floor = Floor::new(dir.path());
    let mut key = 0_u64;
    compare("write", &floor, || {
        store.write_blocking(batch(family, &mut key)).unwrap();
    });
    let mut direct = store.direct().unwrap();
    compare("direct", &floor, || {
        write_and_sync(&mut direct, &batch(family, &mut key));
    });
    drop(direct);
    println!("{}", memory());
    store.shutdown(LIMIT).unwrap();
    let began = Instant::now();
    let store = Store::open(dir.path().join("store"), &settings()).unwrap();
    println!("open after {key} batches: {:?}", began.elapsed());
    store.shutdown(LIMIT).unwrap();
}

fn settings() -> Settings {
    Settings::new(1, 1, ["log", "state"])
}

fn openings(dir: &Path) {
    let mut times = Vec::new();
    for _ in 0..11 {
        let began = Instant::now();
        let store = Store::open(dir, &settings()).unwrap();
        times.push(began.elapsed());
        store.shutdown(LIMIT).unwrap();
    }
    println!("open, new store: {:?}", times.remove(0));
    times.sort_unstable();
    println!(
        "open, existing store: median {:?}, worst {:?}",
        times[5], times[9]
    );
}

fn batch(family: Family, key: &mut u64) -> Batch {
    *key += 1;
    let mut batch = Batch::new();
    batch.put(family, key.to_be_bytes(), [7; 32]);
    batch
}

fn write_and_sync(direct: &mut Direct, batch: &Batch) {
    direct.write(batch).unwrap();
    direct.sync().unwrap();
}

struct Floor(File);

impl Floor {
    fn new(dir: &Path) -> Self {
        let file = File::create_new(dir.join("floor")).unwrap();
        file.write_all_at(&[1; 4096], 0).unwrap();
        file.sync_all().unwrap();
        Self(file)
    }

    fn once(&self) {
        self.0.write_all_at(&[2; 512], 0).unwrap();
        self.0.sync_data().unwrap();
    }
}

/// Medians of alternating blocks, in microseconds.
fn compare(name: &str, floor: &Floor, mut work: impl FnMut()) {
    let mut blocks = Vec::new();
    for _ in 0..BLOCKS {
        let below = median_us((0..BLOCK).map(|_| time(|| floor.once())).collect());
        let above = median_us((0..BLOCK).map(|_| time(&mut work)).collect());
        blocks.push((below, above));
    }
    let middle = median_us(blocks.iter().map(|(floor, _)| *floor).collect());
    let kept = blocks.iter().filter(|(floor, _)| *floor <= 2.0 * middle);
    let kept: Vec<_> = kept.copied().collect();
    let ratio = median_us(kept.iter().map(|(floor, work)| work / floor).collect());
    let of = |part: fn(&(f64, f64)) -> f64| median_us(kept.iter().map(part).collect());
    println!(
        "{name}: {:.0} us beside a floor of {:.0} us, ratio {ratio:.2} ({} of {BLOCKS} blocks)",
        of(|block| block.1),
        of(|block| block.0),
        kept.len()
    );
}

fn time(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e6
}

fn median_us(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap_or_default().to_owned()
}
