//! Reads, and the family of the notes.

use std::ops::{Bound, ControlFlow, RangeBounds};

use rocksdb::{DB, DBRawIterator, ReadOptions};

use crate::engine::Engine;
use crate::{Batch, Family, StoreError};

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Keys of notes; the store's own begin otherwise.
const NOTE: u8 = b'n';

pub(crate) fn get(
    engine: &Engine,
    family: Family,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = engine.with("read", |db| {
        let column = engine.column(db, family);
        column.map(|column| db.get_cf(column, key)).transpose()
    })?;
    found.ok_or_else(|| engine.unknown_family())
}

pub(crate) fn note(engine: &Engine, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    engine.with("read", |db| db.get(note_key(key)))
}

pub(crate) fn notes(engine: &Engine, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let start = note_key(prefix);
    let mut found = Vec::new();
    visit(
        engine,
        Family::NOTES,
        &(start.as_slice()..),
        |key, value| {
            if !key.starts_with(&start) {
                return ControlFlow::Break(());
            }
            let key = String::from_utf8_lossy(key.get(1..).unwrap_or_default());
            found.push((key.into_owned(), value.to_vec()));
            ControlFlow::Continue(())
        },
    )?;
    Ok(found)
}

pub(crate) fn note_batch(key: &str, value: Option<&[u8]>) -> Batch {
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(Family::NOTES, note_key(key), value),
        None => batch.delete(Family::NOTES, note_key(key)),
    }
    batch
}

fn note_key(key: &str) -> Vec<u8> {
    let mut bytes = vec![NOTE];
    bytes.extend(key.as_bytes());
    bytes
}

pub(crate) fn visit<'a>(
    engine: &Engine,
    family: Family,
    range: &impl RangeBounds<&'a [u8]>,
    mut visitor: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    iterate(engine, family, |rows| {
        match range.start_bound() {
            Bound::Unbounded => rows.seek_to_first(),
            Bound::Included(start) => rows.seek(start),
            Bound::Excluded(start) => {
                rows.seek(start);
                if rows.key() == Some(*start) {
                    rows.next();
                }
            }
        }
        while let Some((key, value)) = rows.item() {
            if is_after(key, range.end_bound()) || visitor(key, value).is_break() {
                break;
            }
            rows.next();
        }
    })
}

pub(crate) fn last<'a>(
    engine: &Engine,
    family: Family,
    range: &impl RangeBounds<&'a [u8]>,
) -> Result<Option<Pair>, StoreError> {
    let mut found = None;
    iterate(engine, family, |rows| {
        match range.end_bound() {
            Bound::Unbounded => rows.seek_to_last(),
            Bound::Included(end) => rows.seek_for_prev(end),
            Bound::Excluded(end) => {
                rows.seek_for_prev(end);
                if rows.key() == Some(*end) {
                    rows.prev();
                }
            }
        }
        found = rows
            .item()
            .filter(|(key, _)| !is_before(key, range.start_bound()))
            .map(|(key, value)| (key.to_vec(), value.to_vec()));
    })?;
    Ok(found)
}

/// Runs a walk, and says afterwards what it met with.
fn iterate(
    engine: &Engine,
    family: Family,
    walk: impl FnOnce(&mut DBRawIterator<'_>),
) -> Result<(), StoreError> {
    let known = engine.with("read", |db: &DB| {
        let Some(column) = engine.column(db, family) else {
            return Ok(false);
        };
        let mut rows = db.raw_iterator_cf_opt(column, ReadOptions::default());
        walk(&mut rows);
        rows.status().map(|()| true)
    })?;
    if known {
        Ok(())
    } else {
        Err(engine.unknown_family())
    }
}

fn is_after(key: &[u8], end: Bound<&&[u8]>) -> bool {
    match end {
        Bound::Unbounded => false,
        Bound::Included(end) => key > *end,
        Bound::Excluded(end) => key >= *end,
    }
}

fn is_before(key: &[u8], start: Bound<&&[u8]>) -> bool {
    match start {
        Bound::Unbounded => false,
        Bound::Included(start) => key < *start,
        Bound::Excluded(start) => key <= *start,
    }
}
