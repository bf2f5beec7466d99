//! RocksDB as a store uses it: its options, opening it, and the handle that closing takes away.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRecoveryMode, LogLevel, Options,
};

use crate::folder::Folder;
use crate::{Family, Settings, StoreError};

/// The family of the notes; RocksDB has it always.
pub(crate) const NOTES: &str = rocksdb::DEFAULT_COLUMN_FAMILY_NAME;

/// An open RocksDB, until it is closed.
#[derive(Debug)]
pub(crate) struct Engine {
    dir: PathBuf,
    /// Those of the settings, by number.
    families: Vec<String>,
    db: RwLock<Option<DB>>,
}

impl Engine {
    pub(crate) fn new(dir: &Path, settings: &Settings, db: DB) -> Self {
        Self {
            dir: dir.to_owned(),
            families: settings.families.clone(),
            db: RwLock::new(Some(db)),
        }
    }

    /// Runs a call that may block.
    pub(crate) fn with<T>(
        &self,
        action: &'static str,
        call: impl FnOnce(&DB) -> Result<T, rocksdb::Error>,
    ) -> Result<T, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = db.as_ref().ok_or_else(|| self.closed())?;
        call(db).map_err(StoreError::rocksdb(action, &self.dir))
    }

    pub(crate) fn family(&self, name: &str) -> Option<Family> {
        let at = self.families.iter().position(|family| family == name);
        at.map(Family)
    }

    /// RocksDB's handle of a family, `None` for a number of another store's.
    pub(crate) fn column<'a>(&self, db: &'a DB, family: Family) -> Option<&'a ColumnFamily> {
        match family {
            Family::NOTES => db.cf_handle(NOTES),
            Family(at) => db.cf_handle(self.families.get(at)?),
        }
    }

    /// Every family that has a log.
    pub(crate) fn columns<'a>(&self, db: &'a DB) -> Vec<&'a ColumnFamily> {
        let own = self.families.iter().map(String::as_str);
        let all = own.chain([NOTES]);
        all.filter_map(|name| db.cf_handle(name)).collect()
    }

    /// Waits for calls that are under way, then closes.
    pub(crate) fn close(&self) {
        let db = self
            .db
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(db);
    }

    pub(crate) fn unknown_family(&self) -> StoreError {
        StoreError::UnknownFamily {
            dir: self.dir.clone(),
            name: "of another store".into(),
        }
    }

    fn closed(&self) -> StoreError {
        StoreError::Closed {
            dir: self.dir.clone(),
        }
    }
}

/// Opens RocksDB for writing; `create` where there is none yet.
pub(crate) fn open(dir: &Path, settings: &Settings, create: bool) -> Result<DB, StoreError> {
    let mut options = options(settings);
    options.create_if_missing(create);
    options.set_error_if_exists(create);
    options.create_missing_column_families(true);
    let mut names = settings.families.clone();
    names.push(NOTES.into());
    if !create {
        names.extend(present(dir, &options)?);
    }
    let families = describe(names, settings);
    DB::open_cf_descriptors(&options, dir, families).map_err(StoreError::rocksdb("open", dir))
}

/// Opens RocksDB's tables for reading, without its log: it is told to look for one in a folder
/// where there is none.
pub(crate) fn open_tables(folder: &Folder, settings: &Settings) -> Result<DB, StoreError> {
    let mut options = options(settings);
    options.set_wal_dir(&folder.store);
    let families = describe(present(&folder.rocksdb, &options)?, settings);
    DB::open_cf_descriptors_read_only(&options, &folder.rocksdb, families, false)
        .map_err(StoreError::rocksdb("open", &folder.rocksdb))
}

fn present(dir: &Path, options: &Options) -> Result<Vec<String>, StoreError> {
    DB::list_cf(options, dir).map_err(StoreError::rocksdb("open", dir))
}

/// All families share the cache.
fn describe(mut names: Vec<String>, settings: &Settings) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(settings.cache_bytes);
    names.sort_unstable();
    names.dedup();
    let describe = |name| {
        let mut options = Options::default();
        family_options(&mut options, settings, &cache);
        ColumnFamilyDescriptor::new(name, options)
    };
    names.into_iter().map(describe).collect()
}

fn options(settings: &Settings) -> Options {
    let mut options = Options::default();
    options.set_paranoid_checks(true);
    options.set_atomic_flush(true);
    // The only mode that allows both an unfinished last record and files that are written over.
    // What it keeps silent about is found by `recovery` before.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_recycle_log_file_num(2);
    // `Log::turn` decides when memtables go to tables; beyond this RocksDB does too. It also bounds
    // the space that a log file allocates ahead.
    options.set_max_total_wal_size(u64::from(settings.wal_bytes).saturating_mul(8));
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    // An opening would start sixteen for each family otherwise.
    options.set_max_file_opening_threads(1);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(256 << 10);
    options.set_log_level(LogLevel::Warn);
    options.set_manifest_preallocation_size(64 << 10);
    options
}

fn family_options(options: &mut Options, settings: &Settings, cache: &Cache) {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::None);
    let wal_bytes = usize::try_from(settings.wal_bytes).unwrap_or(usize::MAX);
    options.set_write_buffer_size(wal_bytes.saturating_mul(32).max(64 << 20));
    options.set_arena_block_size(64 << 10);
    options.set_paranoid_checks(true);
    // A write that RocksDB held back would keep its own recovery from a full disk waiting, for ever.
    // It refuses instead, and only once this many flushes are behind.
    options.set_max_write_buffer_number(64);
    options.set_level_zero_file_num_compaction_trigger(8);
    options.set_level_zero_slowdown_writes_trigger(1 << 10);
    options.set_level_zero_stop_writes_trigger(1 << 11);
    options.set_soft_pending_compaction_bytes_limit(0);
    options.set_hard_pending_compaction_bytes_limit(0);
}
