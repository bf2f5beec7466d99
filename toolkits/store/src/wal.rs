//! Reading RocksDB's log files without RocksDB, strictly: which sequence numbers they hold whole.
//!
//! A file is a row of blocks of 32 KiB. A record begins with CRC-32C (masked), length (2 bytes),
//! kind (1) and the low half of the file's number (4), does not cross a block, and is all of a
//! batch or its first, middle or last part. A file that is written over ends where a record
//! carries another number. Whatever does not fit ends the file here; whether that is its end or
//! damage is seen from the numbers alone.

use crc::{CRC_32_ISCSI, Crc, Table};

const CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
pub(crate) const BLOCK: usize = 32 << 10;
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
        let sum = masked_sum([header.get(6..)?, payload]);
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

/// The checksum of a record, from its kind on.
pub(crate) fn masked_sum<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut sum = CRC32C.digest();
    for part in parts {
        sum.update(part);
    }
    sum.finalize().rotate_right(15).wrapping_add(0xa282_ead8)
}

pub(crate) fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: u64 = 0x1_0000_0007;

    /// A file as RocksDB writes it.
    #[derive(Default)]
    struct File(Vec<u8>);

    impl File {
        fn batch(&mut self, number: u64, first: u64, count: u32, length: usize) {
            let mut batch = first.to_le_bytes().to_vec();
            batch.extend(count.to_le_bytes());
            batch.resize(BATCH_HEADER + length, 0x5a);
            let mut rest = batch.as_slice();
            let mut is_first = true;
            loop {
                let left = BLOCK - self.0.len() % BLOCK;
                if left < HEADER {
                    self.0.resize(self.0.len() + left, 0);
                    continue;
                }
                let (part, later) = rest.split_at(rest.len().min(left - HEADER));
                let kind = match (is_first, later.is_empty()) {
                    (true, true) => FULL,
                    (true, false) => FIRST,
                    (false, true) => LAST,
                    (false, false) => FIRST + 1,
                };
                self.part(number, kind, part);
                if later.is_empty() {
                    return;
                }
                (rest, is_first) = (later, false);
            }
        }

        fn part(&mut self, number: u64, kind: u8, payload: &[u8]) {
            let mut summed = vec![kind];
            summed.extend(&number.to_le_bytes()[..4]);
            summed.extend(payload);
            self.0.extend(masked_sum([summed.as_slice()]).to_le_bytes());
            self.0.extend(&payload.len().to_le_bytes()[..2]);
            self.0.extend(summed);
        }
    }

    fn read(bytes: &[u8]) -> Vec<(u64, u64)> {
        let mut records = Records::of(NUMBER, bytes);
        let numbers = std::iter::from_fn(|| records.next_numbers());
        numbers.map(|found| (found.first, found.last)).collect()
    }

    #[test]
    fn batches_of_every_length_around_a_block_are_read() {
        for length in (0..64).chain(BLOCK - 64..BLOCK + 64).chain([3 * BLOCK]) {
            let mut file = File::default();
            file.batch(NUMBER, 1, 2, length);
            file.batch(NUMBER, 3, 0, 9);
            file.batch(NUMBER, 3, 1, 0);
            assert_eq!(read(&file.0), [(1, 2), (3, 3)], "length {length}");
        }
    }

    #[test]
    fn damage_hides_what_follows_and_invents_nothing() {
        let mut file = File::default();
        let mut ends = Vec::new();
        for n in 1..=4 {
            file.batch(NUMBER, n, 1, 20);
            ends.push(file.0.len());
        }
        let all = read(&file.0);
        assert_eq!(all.len(), 4);
        for at in 0..file.0.len() {
            let before = ends.iter().filter(|end| **end <= at).count();
            assert_eq!(read(&file.0[..at]), all[..before], "cut at {at}");
            for bit in 0..8 {
                let mut changed = file.0.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(read(&changed), all[..before], "bit {bit} of {at}");
            }
        }
    }

    #[test]
    fn a_file_that_is_written_over_ends_where_the_older_one_begins() {
        let mut file = File::default();
        file.batch(NUMBER, 7, 1, 5);
        let end = file.0.len();
        file.batch(NUMBER - 1, 8, 1, 5);
        let mut records = Records::of(NUMBER, &file.0);
        assert_eq!(records.next_numbers(), Some(Numbers { first: 7, last: 7 }));
        assert_eq!(records.next_numbers(), None);
        assert_eq!(records.end(), end);
    }

    #[test]
    fn parts_without_their_beginning_or_end_are_no_batch() {
        for kinds in [
            [FIRST, FULL],
            [FIRST, FIRST],
            [LAST, FULL],
            [FIRST + 1, LAST],
        ] {
            let mut file = File::default();
            for kind in kinds {
                file.part(NUMBER, kind, &[1; 12]);
            }
            let mut records = Records::of(NUMBER, &file.0);
            assert_eq!(records.next_numbers(), None, "{kinds:?}");
            assert_eq!(records.end(), 0);
        }
    }
}
