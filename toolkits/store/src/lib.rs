#![doc = include_str!("../README.md")]

#[cfg(feature = "rocksdb")]
mod batch;
#[cfg(feature = "rocksdb")]
mod direct;
#[cfg(feature = "rocksdb")]
mod engine;
#[cfg(feature = "rocksdb")]
mod error;
#[cfg(feature = "rocksdb")]
mod folder;
#[cfg(feature = "rocksdb")]
mod frontier;
#[cfg(feature = "identities")]
mod identities;
#[cfg(feature = "rocksdb")]
mod keeper;
#[cfg(feature = "rocksdb")]
mod layout;
mod lock;
#[cfg(feature = "rocksdb")]
mod log;
#[cfg(feature = "rocksdb")]
mod manifest;
#[cfg(feature = "rocksdb")]
mod marker;
#[cfg(feature = "rocksdb")]
mod open;
#[cfg(feature = "rocksdb")]
mod queue;
#[cfg(feature = "rocksdb")]
mod read;
#[cfg(feature = "rocksdb")]
mod recovery;
#[cfg(feature = "rocksdb")]
mod settings;
#[cfg(feature = "rocksdb")]
mod shared;
#[cfg(feature = "rocksdb")]
mod store;
#[cfg(feature = "rocksdb")]
mod wait;
#[cfg(feature = "rocksdb")]
mod wal;
#[cfg(feature = "rocksdb")]
mod writer;

#[cfg(feature = "rocksdb")]
pub use batch::{Batch, Family};
#[cfg(feature = "rocksdb")]
pub use direct::Direct;
#[cfg(feature = "rocksdb")]
pub use error::StoreError;
#[cfg(feature = "identities")]
pub use identities::StoredIdentities;
pub use lock::{DirLock, LockError};
#[cfg(feature = "rocksdb")]
pub use read::Pair;
#[cfg(feature = "rocksdb")]
pub use settings::{Identity, Settings};
#[cfg(feature = "rocksdb")]
pub use store::Store;
