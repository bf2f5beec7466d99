//! What an operator may set.

use std::time::Duration;

/// Settings of a [`FileDriver`](crate::FileDriver).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The deadline of every call and of a shutdown.
    pub deadline: Duration,
    /// The deadline of opening a store, which syncs several files on a first start.
    pub open_deadline: Duration,
    /// How many persists may wait for the disk; further ones wait for a place, until the deadline.
    pub queue: usize,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(1),
            open_deadline: Duration::from_secs(10),
            queue: 4_096,
        }
    }
}
