//! Reading RocksDB's MANIFEST before RocksDB does. A record whose kind was changed into that of a
//! file that is written over makes RocksDB's reader look at the same place for ever; here it is
//! damage like any other.
//!
//! The file is laid out as a log file is (see `wal`), but never written over, so a record begins
//! without a file number: CRC-32C (masked), length (2 bytes), kind (1). Whole, first, middle and
//! last parts have the kinds 1 to 4.

use std::path::PathBuf;

use crate::StoreError;
use crate::folder::{self, Folder};
use crate::wal::{BLOCK, little_endian, masked_sum};

const HEADER: usize = 7;
const KINDS: std::ops::RangeInclusive<u8> = 1..=4;
/// Space that was allocated and not written.
const UNUSED: u8 = 0;

/// Finds the MANIFEST of a store readable to its end, where a record that was under way when the
/// machine stopped may be missing a part.
pub(crate) fn check(folder: &Folder) -> Result<(), StoreError> {
    let manifest = present(folder)?;
    match first_damage(&folder::read(&manifest)?) {
        None => Ok(()),
        Some(at) => {
            let why = format!("the record at byte {at} is not one that RocksDB wrote");
            Err(StoreError::damaged(&manifest, why))
        }
    }
}

/// The one that CURRENT names.
fn present(folder: &Folder) -> Result<PathBuf, StoreError> {
    let current = folder.rocksdb.join("CURRENT");
    if !folder::exists(&current)? {
        return Err(StoreError::damaged(&current, "it is missing"));
    }
    let name = folder::read(&current)?;
    let name = str::from_utf8(&name).ok().and_then(|text| {
        let number = text.strip_prefix("MANIFEST-")?.strip_suffix('\n')?;
        number.parse::<u64>().ok().map(|_| text.trim_end())
    });
    let name = name.ok_or_else(|| StoreError::damaged(&current, "it names no MANIFEST"))?;
    let manifest = folder.rocksdb.join(name);
    if folder::exists(&manifest)? {
        Ok(manifest)
    } else {
        let why = format!("it names {}, which is missing", manifest.display());
        Err(StoreError::damaged(&current, why))
    }
}

/// Where the first record is that cannot have been written so.
fn first_damage(bytes: &[u8]) -> Option<usize> {
    let mut blocks = bytes.chunks(BLOCK).enumerate();
    blocks.find_map(|(n, block)| first_damage_in_block(block).map(|at| n * BLOCK + at))
}

fn first_damage_in_block(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some((header, rest)) = block.get(at..)?.split_first_chunk::<HEADER>() {
        let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
        let kind = header[6];
        if kind == UNUSED && length == 0 {
            return None;
        }
        let is_last_block = block.len() < BLOCK;
        let whole = match rest.get(..length) {
            Some(payload) => {
                little_endian(&header[..4]) == u64::from(masked_sum([&header[6..], payload]))
            }
            None => is_last_block,
        };
        if !whole || !KINDS.contains(&kind) {
            return Some(at);
        }
        at += HEADER + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as RocksDB writes it.
    fn record(file: &mut Vec<u8>, kind: u8, payload: &[u8]) {
        let left = BLOCK - file.len() % BLOCK;
        if left < HEADER {
            file.resize(file.len() + left, 0);
        }
        file.extend(masked_sum([&[kind], payload]).to_le_bytes());
        file.extend(&payload.len().to_le_bytes()[..2]);
        file.push(kind);
        file.extend(payload);
    }

    fn two_blocks() -> Vec<u8> {
        let mut file = Vec::new();
        for _ in 0..8 {
            record(&mut file, 1, &[0x5a; 4000]);
        }
        let left = BLOCK - file.len();
        record(&mut file, 2, &vec![0x5a; left - HEADER]);
        record(&mut file, 4, &[0x5a; 30]);
        record(&mut file, 1, &[0x5a; 30]);
        file
    }

    #[test]
    fn whole_files_and_their_beginnings_are_readable() {
        let file = two_blocks();
        assert_eq!(first_damage(&file), None);
        for end in (0..file.len()).filter(|end| *end < 50 || *end > BLOCK) {
            assert_eq!(first_damage(&file[..end]), None, "cut at {end}");
        }
        let mut allocated = file.clone();
        allocated.resize(2 * BLOCK, 0);
        assert_eq!(first_damage(&allocated), None);
    }

    #[test]
    fn every_kind_that_a_single_bit_makes_is_seen() {
        let file = two_blocks();
        let last = file.len() - 30 - 1;
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[last] ^= 1 << bit;
            assert_eq!(first_damage(&changed), Some(last + 1 - HEADER), "{bit}");
            // Also where the rest of the record is missing.
            let cut = &changed[..file.len() - 10];
            let seen = !KINDS.contains(&changed[last]);
            assert_eq!(first_damage(cut).is_some(), seen, "{bit}");
        }
    }
}
