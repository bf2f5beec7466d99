//! Changes that take effect together.

use std::ops::Range;

/// A column family of an open store; see [`Store::family`](crate::Store::family).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family(pub(crate) usize);

impl Family {
    /// The family of the notes, which the settings do not name.
    pub(crate) const NOTES: Self = Self(usize::MAX);
}

/// Changes that are written together or not at all, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    changes: Vec<Change>,
    /// Keys and values of all changes, one after the other.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    family: Family,
    kind: Kind,
    /// Ends of the two byte strings; the first begins where the previous change ends.
    ends: [usize; 2],
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Put,
    Delete,
    DeleteRange,
}

/// What RocksDB and its log add to a change, about.
const OVERHEAD: usize = 16;

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, family: Family, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.add(family, Kind::Put, key.as_ref(), value.as_ref());
    }

    /// Removes `key`, if it is there.
    pub fn delete(&mut self, family: Family, key: impl AsRef<[u8]>) {
        self.add(family, Kind::Delete, key.as_ref(), &[]);
    }

    /// Removes the keys from `start` up to and without `end`.
    pub fn delete_range(&mut self, family: Family, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) {
        let (start, end) = (start.as_ref(), end.as_ref());
        if start < end {
            self.add(family, Kind::DeleteRange, start, end);
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// About how many bytes of the log it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len() + OVERHEAD * self.changes.len()
    }

    fn add(&mut self, family: Family, kind: Kind, first: &[u8], second: &[u8]) {
        self.bytes.extend_from_slice(first);
        let first_end = self.bytes.len();
        self.bytes.extend_from_slice(second);
        let ends = [first_end, self.bytes.len()];
        self.changes.push(Change { family, kind, ends });
    }

    /// In RocksDB's form, for a column family by its number here.
    pub(crate) fn encode<'a, C: rocksdb::AsColumnFamilyRef + 'a>(
        &self,
        family: impl Fn(Family) -> Option<&'a C>,
    ) -> Option<rocksdb::WriteBatch> {
        let mut encoded = rocksdb::WriteBatch::with_capacity_bytes(self.size());
        let mut start = 0;
        for change in &self.changes {
            let column = family(change.family)?;
            let [middle, end] = change.ends;
            let (first, second) = (self.slice(start..middle), self.slice(middle..end));
            match change.kind {
                Kind::Put => encoded.put_cf(column, first, second),
                Kind::Delete => encoded.delete_cf(column, first),
                Kind::DeleteRange => encoded.delete_range_cf(column, first, second),
            }
            start = end;
        }
        Some(encoded)
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }
}
