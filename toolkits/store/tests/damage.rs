//! Every damaged byte is noticed or harmless: a damaged store is refused by a typed error, or it
//! holds exactly what was acknowledged.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{LIMIT, Numbers};
use tsoracle_store::{Store, StoreError};

const BATCHES: u64 = 900;
const SEED: u64 = 0x5eed;
const SAMPLE: usize = 300;

#[test]
fn after_a_clean_stop() {
    every_damage("after_a_clean_stop", true);
}

#[test]
fn after_a_kill() {
    every_damage("after_a_kill", false);
}

fn every_damage(test: &str, clean: bool) {
    if let Some(dir) = support::child_dir() {
        return write(&dir, clean);
    }
    let place = support::quick_place();
    let original = place.path().join("original");
    let status = support::again(test, &original, Stdio::null())
        .wait()
        .unwrap();
    assert_eq!(status.success(), clean);
    let mut numbers = Numbers(SEED);
    println!("seed {SEED:#x}");
    let mut tally = Tally::default();
    for file in files(&original) {
        let before = (tally.refused, tally.whole);
        let bytes = fs::read(original.join(&file)).unwrap();
        let sample = sample_of(&file);
        for damage in damages(&bytes, sample, &mut numbers) {
            let copy = place.path().join("copy");
            copy_tree(&original, &copy);
            damage.apply(&copy.join(&file), &bytes);
            tally.judge(&copy, &file, &damage);
            fs::remove_dir_all(&copy).unwrap();
        }
        println!(
            "{}: {} bytes; {} refused, {} whole",
            file.display(),
            bytes.len(),
            tally.refused - before.0,
            tally.whole - before.1
        );
    }
    println!("{tally:?}");
    assert_eq!(tally.unnoticed, Vec::<String>::new());
    assert!(tally.refused > 500 && tally.whole > 100, "{tally:?}");
}

/// The child: a store whose data lies in tables, in full log files and in the present one.
fn write(dir: &Path, clean: bool) {
    let store = Store::open(dir, &support::settings()).unwrap();
    for n in 1..=BATCHES {
        store.write_blocking(support::batch(&store, n)).unwrap();
    }
    if !clean {
        std::process::abort();
    }
    store.shutdown(LIMIT).unwrap();
}

#[derive(Debug)]
enum Damage {
    Flip(usize, u8),
    Cut(usize),
    Zero(usize),
    Remove,
}

/// RocksDB reads neither its own messages nor its own notes of options.
fn sample_of(file: &Path) -> usize {
    let name = file.file_name().unwrap().to_str().unwrap();
    if name.starts_with("LOG") || name.starts_with("OPTIONS") {
        SAMPLE / 20
    } else {
        SAMPLE
    }
}

/// Each byte of a small file, a sample of a large one, half of it near the beginning, where the
/// present log file has what is newest.
fn damages(bytes: &[u8], sample: usize, numbers: &mut Numbers) -> Vec<Damage> {
    let length = bytes.len();
    let mut damages = vec![Damage::Remove, Damage::Cut(0)];
    let places: Vec<usize> = if length <= 600 {
        (0..length).collect()
    } else {
        let near = |at: usize| {
            if at.is_multiple_of(2) {
                length.min(4096)
            } else {
                length
            }
        };
        (0..sample).map(|at| numbers.below(near(at))).collect()
    };
    for (count, at) in places.into_iter().enumerate() {
        damages.push(Damage::Flip(at, 1 << numbers.below(8)));
        if count.is_multiple_of(10) {
            damages.push(Damage::Cut(at));
            damages.push(Damage::Zero(at));
        }
    }
    damages
}

impl Damage {
    fn apply(&self, file: &Path, bytes: &[u8]) {
        let mut changed = bytes.to_vec();
        match *self {
            Self::Remove => return fs::remove_file(file).unwrap(),
            Self::Flip(at, bit) => changed[at] ^= bit,
            Self::Cut(at) => changed.truncate(at),
            Self::Zero(at) => {
                let end = (at + 512).min(changed.len());
                changed[at..end].fill(0);
            }
        }
        fs::write(file, changed).unwrap();
    }
}

#[derive(Debug, Default)]
struct Tally {
    refused: u32,
    whole: u32,
    unnoticed: Vec<String>,
}

impl Tally {
    fn judge(&mut self, dir: &Path, file: &Path, damage: &Damage) {
        match reopen(dir) {
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(&dir.display().to_string()), "{text}");
                self.refused += 1;
            }
            Ok(found) if found == support::expected(BATCHES) => self.whole += 1,
            Ok(_) => self
                .unnoticed
                .push(format!("{} {damage:?}", file.display())),
        }
    }
}

/// Reads everything.
fn reopen(dir: &Path) -> Result<support::Contents, StoreError> {
    let store = Store::open(dir, &support::settings())?;
    let found = support::contents(&store);
    let stopped = store.shutdown(LIMIT);
    let found = found?;
    stopped?;
    Ok(found)
}

/// Paths below a directory, RocksDB's MANIFEST and log files ahead.
fn files(dir: &Path) -> Vec<PathBuf> {
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

fn copy_tree(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&file), target).unwrap();
    }
}

/// What the whole of recovery rests on: RocksDB's MANIFEST tells how far the tables reach, and no
/// more, whatever else it recorded since.
#[test]
fn log_files_that_are_all_gone_are_missed_at_every_length() {
    let place = support::quick_place();
    let dir = place.path().join("store");
    for n in (1..=BATCHES).step_by(90) {
        let store = Store::open(&dir, &support::settings()).unwrap();
        for n in n..n + 90 {
            store.write_blocking(support::batch(&store, n)).unwrap();
        }
        store.shutdown(LIMIT).unwrap();
        let copy = place.path().join("copy");
        copy_tree(&dir, &copy);
        for file in files(&copy) {
            if file.extension().is_some_and(|kind| kind == "log") {
                fs::remove_file(copy.join(file)).unwrap();
            }
        }
        let refusal = reopen(&copy);
        assert!(
            matches!(refusal, Err(StoreError::Damaged { .. })),
            "{refusal:?}"
        );
        fs::remove_dir_all(&copy).unwrap();
    }
}
