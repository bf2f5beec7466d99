//! What a store is opened with, and who it is.

/// Who a store belongs to, and which one it is (S4). Written once, when the store is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The cluster.
    pub cluster: u64,
    /// The node in it.
    pub node: u64,
    /// A random number of the store's own: a node that comes back with another one has forgotten
    /// its votes.
    pub store: u64,
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster; a store of another one is refused.
    pub cluster: u64,
    /// The node; a store of another one is refused.
    pub node: u64,
    /// RocksDB's column families. Those that a store lacks are made; those that it has beside
    /// these stay untouched.
    pub families: Vec<String>,
    /// How many bytes of batches may wait for the disk. A larger batch waits until it is alone.
    pub queue_bytes: u32,
    /// How many batches may wait for the disk.
    pub queue_batches: u32,
    /// Size of a WAL file in bytes, at which the next one begins. Two of this size are laid out in
    /// the background after the first batch, so that later ones overwrite and no file grows.
    pub wal_bytes: u32,
    /// RocksDB's cache of blocks, in bytes.
    pub cache_bytes: usize,
}

impl Settings {
    /// Settings of a node with these column families, and defaults for the rest.
    #[must_use]
    pub fn new<F: Into<String>>(
        cluster: u64,
        node: u64,
        families: impl IntoIterator<Item = F>,
    ) -> Self {
        Self {
            cluster,
            node,
            families: families.into_iter().map(Into::into).collect(),
            queue_bytes: 64 << 20,
            queue_batches: 1024,
            wal_bytes: 2 << 20,
            cache_bytes: 8 << 20,
        }
    }
}
