//! Opening a store: finding it whole before anything in it is changed, or making it.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use crate::engine::{self, Engine};
use crate::folder::{self, Folder};
use crate::frontier::{self, Frontier};
use crate::keeper::Keeper;
use crate::log::Log;
use crate::marker::Marker;
use crate::queue::Queue;
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{DirLock, Identity, Settings, StoreError, layout, recovery};

/// The number of times that the store was opened, in the family of notes.
const STARTS: &[u8] = b"istarts";

/// Opens or makes the store in `dir` and starts its threads.
pub(crate) fn open(dir: &Path, settings: &Settings) -> Result<Arc<Shared>, StoreError> {
    let lock = DirLock::make_and_take(dir)?;
    let folder = Folder::of(dir);
    let is_new = !folder::exists(&folder.store)?;
    if is_new {
        create(dir, settings)?;
    }
    // The folder may have been renamed by a process that died before it synced the directory.
    lock.sync_dir().map_err(StoreError::io("sync", dir))?;

    let marker = find_marker(&folder, settings)?;
    let (frontier, durable) = Frontier::open(&folder.frontier, marker.identity.store)?;
    let engine = Arc::new(open_engine(&folder, settings, &marker, durable)?);
    let keeper = Arc::new(Keeper::new(frontier, durable));
    let log_bytes = usize::try_from(settings.wal_bytes).unwrap_or(usize::MAX);
    let mut log = Log::new(Arc::clone(&engine), Arc::clone(&keeper), log_bytes);
    let starts = count_start(&engine, &mut log, &folder)?;
    let shared = Arc::new(Shared {
        folder,
        identity: marker.identity,
        is_new,
        starts,
        engine,
        queue: Queue::new(settings),
        log: Mutex::new(log),
        direct: AtomicBool::new(false),
        failure: watch::Sender::new(None),
        closed: watch::Sender::new(false),
    });
    start(&shared, keeper, lock)?;
    Ok(shared)
}

/// Builds a store beside its place and moves it there in one step, so that no crash leaves half.
fn create(dir: &Path, settings: &Settings) -> Result<(), StoreError> {
    let unfinished = Folder::unfinished(dir);
    folder::make_anew(&unfinished.store)?;
    let db = engine::open(&unfinished.rocksdb, settings, true)?;
    let rocksdb = db.get_db_identity();
    let rocksdb = rocksdb.map_err(StoreError::rocksdb("name itself", &unfinished.rocksdb))?;
    drop(db);
    let identity = Identity {
        cluster: settings.cluster,
        node: settings.node,
        store: rand::random(),
    };
    let marker = Marker { identity, rocksdb };
    folder::write_new(&unfinished.marker, &marker.encode())?;
    folder::write_new(&unfinished.frontier, &frontier::encode(identity.store, 0))?;
    folder::sync_dir(&unfinished.rocksdb)?;
    folder::sync_dir(&unfinished.store)?;
    let store = Folder::of(dir).store;
    fs::rename(&unfinished.store, &store).map_err(StoreError::io("create", &store))
}

fn find_marker(folder: &Folder, settings: &Settings) -> Result<Marker, StoreError> {
    let marker = Marker::decode(&folder::read(&folder.marker)?)
        .map_err(|why| StoreError::damaged(&folder.marker, why))?;
    let found = (marker.identity.cluster, marker.identity.node);
    let wanted = (settings.cluster, settings.node);
    if found == wanted {
        Ok(marker)
    } else {
        Err(StoreError::OtherNode {
            dir: folder.dir.clone(),
            wanted,
            found,
        })
    }
}

/// Opens RocksDB once the store is known to be whole, and holds what it recovered against that.
fn open_engine(
    folder: &Folder,
    settings: &Settings,
    marker: &Marker,
    durable: u64,
) -> Result<Engine, StoreError> {
    let whole = recovery::check(folder, settings, marker, durable)?;
    recovery::drop_covered(folder, &whole)?;
    let db = engine::open(&folder.rocksdb, settings, false)?;
    recovery::name_matches(&db, folder, marker)?;
    let recovered = db.latest_sequence_number();
    if recovered != whole.last {
        let why = format!(
            "its files hold changes up to {}, it recovered {recovered}",
            whole.last
        );
        return Err(StoreError::damaged(&folder.rocksdb, why));
    }
    Ok(Engine::new(&folder.rocksdb, settings, db))
}

/// Counts this opening, durably.
fn count_start(engine: &Engine, log: &mut Log, folder: &Folder) -> Result<u64, StoreError> {
    let stored = engine.with("read", |db| db.get(STARTS))?;
    let starts = match stored {
        None => 0,
        Some(bytes) => {
            let why = "its count of starts is not a number";
            let bytes = bytes
                .try_into()
                .map_err(|_| StoreError::damaged(&folder.rocksdb, why))?;
            u64::from_le_bytes(bytes)
        }
    };
    let starts = starts.saturating_add(1);
    log.put_note_raw(STARTS, &starts.to_le_bytes())?;
    Ok(starts)
}

fn start(shared: &Arc<Shared>, keeper: Arc<Keeper>, lock: DirLock) -> Result<(), StoreError> {
    let refused = StoreError::io("start a thread for", &shared.folder.dir);
    let mut writer = Writer {
        shared: Arc::clone(shared),
        keeper: Arc::clone(&keeper),
        keeper_thread: None,
        lock: Some(lock),
    };
    writer.keeper_thread = Some(start_keeper(shared, keeper)?);
    let thread = thread::Builder::new().name("store-writer".into());
    thread.spawn(|| writer.run()).map(drop).map_err(refused)
}

fn start_keeper(shared: &Arc<Shared>, keeper: Arc<Keeper>) -> Result<JoinHandle<()>, StoreError> {
    let shared_of_keeper = Arc::clone(shared);
    let opened = keeper.recorded();
    let thread = thread::Builder::new().name("store-keeper".into());
    thread
        .spawn(move || {
            if let Err(error) =
                layout::lay_out(&shared_of_keeper, &keeper, opened).and_then(|()| keeper.run())
            {
                shared_of_keeper.fail(error);
            }
        })
        .map_err(StoreError::io("start a thread for", &shared.folder.dir))
}
