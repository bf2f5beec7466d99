//! Every damaged byte is noticed or harmless: a damaged store is refused by a typed error, at every
//! opening, or it holds exactly what was acknowledged. The damages are a sample, by a seed that is
//! printed; `DAMAGES` (per file) and `SEED` in the environment take another one.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use support::{LIMIT, Numbers, copy_tree, files};
use tsoracle_store::{Store, StoreError};

/// Few enough that no opening begins a compaction: after one that fails RocksDB waits for a second.
const BATCHES: u64 = 600;
const SECTOR: usize = 512;
const SEED: u64 = 24_301;

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
    let seed = number_from("SEED").unwrap_or(SEED);
    println!("SEED={seed}");
    let mut numbers = Numbers(seed);
    let mut total = Tally::default();
    for file in files(&original) {
        let bytes = fs::read(original.join(&file)).unwrap();
        let mut tally = Tally::default();
        let mut damages = damages(&bytes, sample_of(&file), &mut numbers);
        if is_manifest(&file) {
            damages.extend(other_kinds(&bytes));
        }
        for damage in &damages {
            let copy = place.path().join("copy");
            copy_tree(&original, &copy);
            damage.apply(&copy.join(&file), &bytes);
            tally.judge(&copy, &file, damage);
            fs::remove_dir_all(&copy).unwrap();
        }
        println!("{}, {} bytes: {tally:?}", file.display(), bytes.len());
        assert_eq!(tally.sum(), damages.len(), "{}", file.display());
        let must_refuse = ["marker", "frontier", "CURRENT"].map(|name| file.ends_with(name));
        assert!(!must_refuse.contains(&true) || tally.refused == damages.len());
        total.add(tally);
    }
    println!("{total:?}");
    assert_eq!(total.unnoticed, Vec::<String>::new());
    assert!(total.refused > 0 && total.whole > 0, "{total:?}");
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
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

/// How many damages a file gets. What says how far the others reach gets the most; RocksDB reads
/// neither its own messages nor its own notes of options.
fn sample_of(file: &Path) -> usize {
    let many = number_from("DAMAGES").map_or(80, |many| usize::try_from(many).unwrap());
    let name = file.file_name().unwrap().to_str().unwrap();
    if is_manifest(file) || name.ends_with(".log") {
        many
    } else if name.starts_with("LOG") || name.starts_with("OPTIONS") {
        many / 20
    } else {
        many / 4
    }
}

/// Half of them near the beginning, where a log file that is written over has what is newest.
fn damages(bytes: &[u8], sample: usize, numbers: &mut Numbers) -> Vec<Damage> {
    let length = bytes.len();
    let mut damages = vec![Damage::Remove];
    if length > 0 {
        damages.push(Damage::Cut(0));
    }
    for count in 0..sample.min(length * 8) {
        let within = if count.is_multiple_of(2) {
            length.min(4096)
        } else {
            length
        };
        let at = numbers.below(within);
        damages.push(match numbers.below(8) {
            0 => Damage::Cut(at),
            1 if bytes[at..length.min(at + SECTOR)] != [0; SECTOR][..SECTOR.min(length - at)] => {
                Damage::Zero(at)
            }
            _ => Damage::Flip(at, 1 << numbers.below(8)),
        });
    }
    damages
}

/// Every record of a MANIFEST with another kind. RocksDB's own reader never gets past some of them.
fn other_kinds(bytes: &[u8]) -> Vec<Damage> {
    let mut damages = Vec::new();
    let mut at = 0;
    while let Some(&[.., low, high, _]) = bytes.get(at..at + 7) {
        damages.extend((0..4).map(|bit| Damage::Flip(at + 6, 1 << bit)));
        at += 7 + usize::from(u16::from_le_bytes([low, high]));
    }
    assert!(damages.len() > 20);
    damages
}

fn is_manifest(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    name.starts_with("MANIFEST")
}

impl Damage {
    fn apply(&self, file: &Path, bytes: &[u8]) {
        let mut changed = bytes.to_vec();
        match *self {
            Self::Remove => return fs::remove_file(file).unwrap(),
            Self::Flip(at, bit) => changed[at] ^= bit,
            Self::Cut(at) => changed.truncate(at),
            Self::Zero(at) => {
                let end = (at + SECTOR).min(changed.len());
                changed[at..end].fill(0);
            }
        }
        fs::write(file, changed).unwrap();
    }
}

#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    whole: usize,
    unnoticed: Vec<String>,
}

impl Tally {
    fn judge(&mut self, dir: &Path, file: &Path, damage: &Damage) {
        let first = reopen(dir);
        let refused = first.is_err();
        // Whoever restarts a refused store must not be served what is left of it.
        for found in [first, reopen(dir)] {
            match found {
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(&dir.display().to_string()), "{text}");
                    let name = file.file_name().unwrap().to_str().unwrap();
                    assert!(text.contains(name), "{name} {damage:?}: {text}");
                }
                Ok(found) if found == support::expected(BATCHES) => {}
                Ok(found) => {
                    let what = format!("{} {damage:?}: up to {}", file.display(), found.1);
                    return self.unnoticed.push(what);
                }
            }
        }
        *(if refused {
            &mut self.refused
        } else {
            &mut self.whole
        }) += 1;
    }

    fn sum(&self) -> usize {
        self.refused + self.whole + self.unnoticed.len()
    }

    fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.whole += other.whole;
        self.unnoticed.extend(other.unnoticed);
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

/// What the whole of recovery rests on: RocksDB's MANIFEST tells how far the tables reach, and no
/// more, whatever else it recorded since.
/// A store whose changes have all reached tables does not miss them.
#[test]
fn log_files_that_are_all_gone_are_missed_at_every_length() {
    let place = support::quick_place();
    let dir = place.path().join("store");
    let mut missed = 0;
    for n in (1..=BATCHES).step_by(60) {
        let store = Store::open(&dir, &support::settings()).unwrap();
        for n in n..n + 60 {
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
        match reopen(&copy) {
            Err(StoreError::Damaged { .. }) => missed += 1,
            Err(other) => panic!("{other}"),
            Ok(found) => assert!(found == support::expected(n + 59), "up to {}", found.1),
        }
        fs::remove_dir_all(&copy).unwrap();
    }
    assert!(missed > 5, "missed {missed} times of 10");
}
