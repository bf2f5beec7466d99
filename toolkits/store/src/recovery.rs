//! What is in a store, found out before RocksDB opens it for writing: RocksDB itself takes
//! whatever is behind a damaged record for a write that never happened.
//!
//! RocksDB's tables tell how far they reach (its largest flushed sequence number; all families are
//! flushed together). The log files must hold every number from there on without a gap, and
//! together they must reach the frontier.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::Folder;
use crate::marker::Marker;
use crate::wal::Records;
use crate::{Settings, StoreError, engine, folder, manifest};

const MIN_LOG_NUMBER_TO_KEEP: &str = "rocksdb.min-log-number-to-keep";

/// What RocksDB has to recover.
pub(crate) struct Whole {
    /// The last sequence number.
    pub(crate) last: u64,
    /// Log files that hold nothing which is not in tables.
    covered: Vec<PathBuf>,
}

/// Finds a store whole up to `durable`. Changes nothing.
pub(crate) fn check(
    folder: &Folder,
    settings: &Settings,
    marker: &Marker,
    durable: u64,
) -> Result<Whole, StoreError> {
    manifest::check(folder)?;
    let tables = engine::open_tables(folder, settings)?;
    name_matches(&tables, folder, marker)?;
    let in_tables = tables.latest_sequence_number();
    let oldest = oldest_log_file(&tables, folder)?;
    drop(tables);
    let chain = follow(&folder.rocksdb, in_tables, oldest)?;
    if chain.last >= durable {
        return Ok(Whole {
            last: chain.last,
            covered: chain.covered,
        });
    }
    Err(StoreError::damaged(
        &chain.stopped_in,
        format!(
            "changes up to number {durable} were durable, and only {} are there{}",
            chain.last, chain.why
        ),
    ))
}

/// Removes the log files that tables cover, for RocksDB refuses some of them: one that counts for a
/// family which has nothing in it, and ends in an older record, and after which nothing is written,
/// looks to it as if it had lost what another family has in tables.
pub(crate) fn drop_covered(folder: &Folder, whole: &Whole) -> Result<(), StoreError> {
    for path in &whole.covered {
        fs::remove_file(path).map_err(StoreError::io("remove", path))?;
    }
    if whole.covered.is_empty() {
        return Ok(());
    }
    folder::sync_dir(&folder.rocksdb)
}

/// RocksDB is the one that the marker names.
pub(crate) fn name_matches(
    db: &rocksdb::DB,
    folder: &Folder,
    marker: &Marker,
) -> Result<(), StoreError> {
    let name = db.get_db_identity();
    let name = name.map_err(StoreError::rocksdb("name itself", &folder.rocksdb))?;
    if name == marker.rocksdb {
        Ok(())
    } else {
        let why = "it is not the RocksDB of this store";
        Err(StoreError::damaged(&folder.rocksdb, why))
    }
}

/// The number of the oldest log file that RocksDB will read. Everything in an earlier one is in
/// tables, or was given up: after a failed sync that the disk may get over (no space is left),
/// RocksDB flushes what it had before and begins a new file.
fn oldest_log_file(tables: &rocksdb::DB, folder: &Folder) -> Result<u64, StoreError> {
    let kept = tables.property_int_value(MIN_LOG_NUMBER_TO_KEEP);
    let kept = kept.map_err(StoreError::rocksdb("tell its log files", &folder.rocksdb))?;
    let unknown = || StoreError::damaged(&folder.rocksdb, "it cannot tell its log files");
    kept.ok_or_else(unknown)
}

/// How far the log files go on from the tables.
struct Chain {
    last: u64,
    /// The files that do not go on from them.
    covered: Vec<PathBuf>,
    /// The file behind whose whole records nothing fits, and where that is.
    stopped_in: PathBuf,
    why: String,
}

fn follow(rocksdb: &Path, in_tables: u64, oldest: u64) -> Result<Chain, StoreError> {
    let mut chain = Chain {
        last: in_tables,
        covered: Vec::new(),
        stopped_in: rocksdb.to_owned(),
        why: format!(": its oldest log file, {oldest:06}.log or a later one, is missing"),
    };
    for (number, path) in log_files(rocksdb)? {
        if number < oldest {
            continue;
        }
        let before = chain.last;
        let bytes = folder::read(&path)?;
        let mut records = Records::of(number, &bytes);
        while let Some(numbers) = records.next_numbers() {
            if numbers.last <= chain.last {
                continue;
            }
            if numbers.first != chain.last + 1 {
                let why = format!(
                    "changes {} to {} are missing before those of {}",
                    chain.last + 1,
                    numbers.first - 1,
                    path.display()
                );
                return Err(StoreError::damaged(&chain.stopped_in, why));
            }
            chain.last = numbers.last;
        }
        chain.why = format!(": nothing whole follows byte {}", records.end());
        if chain.last == before {
            chain.covered.push(path.clone());
        }
        chain.stopped_in = path;
    }
    Ok(chain)
}

/// RocksDB's log files, oldest first.
fn log_files(rocksdb: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let list = || -> std::io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(rocksdb)? {
            let path = entry?.path();
            let is_log = path.extension().is_some_and(|kind| kind == "log");
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            if let Some(number) = number.filter(|_| is_log) {
                files.push((number, path));
            }
        }
        files.sort_unstable();
        Ok(files)
    };
    list().map_err(StoreError::io("list", rocksdb))
}
