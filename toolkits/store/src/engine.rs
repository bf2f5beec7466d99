//! RocksDB as a store uses it: its options, opening it, and the handle that closing takes away.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBRecoveryMode, LogLevel,
    Options,
};

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
    let refused = StoreError::rocksdb("open", dir);
    let mut names = settings.families.clone();
    names.push(NOTES.into());
    if !create {
        let present = DB::list_cf(&options, dir).map_err(StoreError::rocksdb("open", dir))?;
        names.extend(present);
    }
    names.sort_unstable();
    names.dedup();
    let families = names.into_iter().map(|name| {
        let mut options = Options::default();
        family_options(&mut options, settings);
        ColumnFamilyDescriptor::new(name, options)
    });
    DB::open_cf_descriptors(&options, dir, families).map_err(refused)
}

fn options(settings: &Settings) -> Options {
    let mut options = Options::default();
    options.set_paranoid_checks(true);
    options.set_atomic_flush(true);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_recycle_log_file_num(2);
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(256 << 10);
    options.set_log_level(LogLevel::Warn);
    family_options(&mut options, settings);
    options
}

fn family_options(options: &mut Options, settings: &Settings) {
    let mut table = BlockBasedOptions::default();
    let cache = Cache::new_lru_cache(settings.cache_bytes);
    table.set_block_cache(&cache);
    options.set_block_based_table_factory(&table);
    options.set_compression_type(rocksdb::DBCompressionType::None);
    options.set_paranoid_checks(true);
}
