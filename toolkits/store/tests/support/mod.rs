//! What the tests write, and the processes that they run themselves in again.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tsoracle_store::{Batch, Settings, Store, StoreError};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

const DIR: &str = "STORE_TEST_DIR";

/// A directory on a disk.
pub(crate) fn place() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A directory in memory if there is such a place, for tests that open very often and do not
/// depend on what a sync does.
pub(crate) fn quick_place() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        place()
    }
}

/// Small log files, so that a few hundred batches go through several.
pub(crate) fn settings() -> Settings {
    Settings {
        wal_bytes: 64 << 10,
        ..Settings::new(7, 3, ["entries", "state"])
    }
}

/// Starts a test of this file again in a process of its own; there, [`child_dir`] is set.
pub(crate) fn again(test: &str, dir: &Path, stdout: Stdio) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--quiet"])
        .env(DIR, dir)
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The directory that a child is to work in; `None` in the test itself.
pub(crate) fn child_dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

/// All that a store holds: entries, and the number of the last batch.
pub(crate) type Contents = (BTreeMap<Vec<u8>, Vec<u8>>, u64);

/// Batch `n` adds three entries, removes those of some earlier batches one way or the other, and
/// names itself in the other family.
pub(crate) fn batch(store: &Store, n: u64) -> Batch {
    let (entries, state) = (
        store.family("entries").unwrap(),
        store.family("state").unwrap(),
    );
    let mut batch = Batch::new();
    for part in 0..3_u8 {
        batch.put(entries, key(n, part), value(n));
    }
    if n.is_multiple_of(5) {
        batch.delete(entries, key(n / 5, 1));
    }
    if n.is_multiple_of(7) {
        batch.delete_range(entries, key(n / 7 * 2, 0), key(n / 7 * 2 + 1, 0));
    }
    batch.put(state, "last", n.to_be_bytes());
    batch
}

/// What a store holds after batches 1 to `n`.
pub(crate) fn expected(n: u64) -> Contents {
    let mut entries = BTreeMap::new();
    for n in 1..=n {
        for part in 0..3_u8 {
            entries.insert(key(n, part), value(n));
        }
        if n.is_multiple_of(5) {
            entries.remove(&key(n / 5, 1));
        }
        if n.is_multiple_of(7) {
            for part in 0..3_u8 {
                entries.remove(&key(n / 7 * 2, part));
            }
        }
    }
    (entries, n)
}

/// What a store holds.
pub(crate) fn contents(store: &Store) -> Result<Contents, StoreError> {
    let (entries, state) = (store.family("entries")?, store.family("state")?);
    let found = store.scan(entries, .., usize::MAX)?;
    let last = store.get(state, "last")?;
    let last = last.map_or(0, |last| u64::from_be_bytes(last.try_into().unwrap()));
    Ok((found.into_iter().collect(), last))
}

fn key(n: u64, part: u8) -> Vec<u8> {
    let mut key = n.to_be_bytes().to_vec();
    key.push(part);
    key
}

fn value(n: u64) -> Vec<u8> {
    let length = usize::try_from(n % 97).unwrap();
    (0..length)
        .map(|at| at.to_le_bytes()[0] ^ n.to_le_bytes()[0])
        .collect()
}

/// Paths below a directory, RocksDB's MANIFEST and log files ahead.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(dir, dir, &mut files);
    files.sort();
    files.reverse();
    files
}

fn walk(root: &Path, dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

/// Copies what is in a folder.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&file), target).unwrap();
    }
}

/// Numbers from a seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
}
