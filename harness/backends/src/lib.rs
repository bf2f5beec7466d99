#![doc = include_str!("../README.md")]

#[cfg(feature = "file")]
mod file;

use std::sync::Arc;

use tsoracle_testbed::Backend;

#[cfg(feature = "file")]
pub use file::FileBackend;

/// Every driver that this build contains, in the order of the reports.
#[must_use]
pub fn all() -> Vec<Arc<dyn Backend>> {
    vec![
        #[cfg(feature = "file")]
        Arc::new(FileBackend::default()),
    ]
}
