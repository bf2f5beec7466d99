//! Reading RocksDB's log files without RocksDB, strictly: which sequence numbers they hold whole.
//!
//! A file is a row of blocks of 32 KiB. A record begins with CRC-32C (masked), length (2 bytes),
//! kind (1) and the low half of the file's number (4), does not cross a block, and is all of a
//! batch or its first, middle or last part. A file that is written over ends where a record
//! carries another number. Whatever does not fit ends the file here; whether that is its end or
//! damage is seen from the numbers alone.

use crc::{CRC_32_ISCSI, Crc, Table};

const CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
const BLOCK: usize = 32 << 10;
const HEADER: usize = 11;
const BATCH_HEADER: usize = 12;
const FULL: u8 = 5;
const FIRST: u8 = 6;
const LAST: u8 = 8;

/// The changes of one batch: consecutive sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// The records of one file that are whole, from its beginning.
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    /// Of the file.
    number: u64,
    at: usize,
}

impl<'a> Records<'a> {
    pub(crate) fn of(number: u64, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            number,
            at: 0,
        }
    }

    /// Where reading ended, in bytes from the beginning.
    pub(crate) fn end(&self) -> usize {
        self.at
    }

    /// The next batch that changes something.
    pub(crate) fn next_numbers(&mut self) -> Option<Numbers> {
        loop {
            let batch = self.next_batch()?;
            let first = little_endian(batch.get(..8)?);
            let count = little_endian(batch.get(8..BATCH_HEADER)?);
            if count > 0 {
                let last = first.checked_add(count - 1)?;
                return Some(Numbers { first, last });
            }
        }
    }

    /// The first bytes of the next batch, its header if it has one. Nothing is taken unless the
    /// batch is whole.
    fn next_batch(&mut self) -> Option<Vec<u8>> {
        let start = self.at;
        let batch = self.read_parts();
        if batch.is_none() {
            self.at = start;
        }
        batch
    }

    fn read_parts(&mut self) -> Option<Vec<u8>> {
        let mut batch = Vec::new();
        for part in 0.. {
            let (kind, payload) = self.next_part()?;
            if (kind == FULL || kind == FIRST) != (part == 0) {
                return None;
            }
            let missing = BATCH_HEADER.saturating_sub(batch.len());
            batch.extend_from_slice(payload.get(..missing).unwrap_or(payload));
            if kind == FULL || kind == LAST {
                return Some(batch);
            }
        }
        None
    }

    fn next_part(&mut self) -> Option<(u8, &'a [u8])> {
        let at = skip_unused(self.at);
        let header = self.bytes.get(at..at.checked_add(HEADER)?)?;
        let length = usize::try_from(little_endian(header.get(4..6)?)).ok()?;
        let kind = *header.get(6)?;
        let number = little_endian(header.get(7..HEADER)?);
        let end = at + HEADER + length;
        let fits = end <= at / BLOCK * BLOCK + BLOCK;
        let payload = self.bytes.get(at + HEADER..end)?;
        let mut sum = CRC32C.digest();
        sum.update(header.get(6..)?);
        sum.update(payload);
        let sum = sum.finalize().rotate_right(15).wrapping_add(0xa282_ead8);
        let whole = little_endian(header.get(..4)?) == u64::from(sum);
        let known = (FULL..=LAST).contains(&kind) && number == self.number & 0xffff_ffff;
        if !(fits && whole && known) {
            return None;
        }
        self.at = end;
        Some((kind, payload))
    }
}

/// The end of a block that is too short for a header stays unused.
fn skip_unused(at: usize) -> usize {
    let left = BLOCK - at % BLOCK;
    if left < HEADER { at + left } else { at }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
