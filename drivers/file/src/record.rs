//! The one sector that holds the state: its layout, and what makes it whole.
//!
//! | bytes | content |
//! | --- | --- |
//! | 0..8 | `TSOFREC1` |
//! | 8..24 | identity of the store |
//! | 24..40 | highest epoch |
//! | 40..48 | high water, milliseconds |
//! | 48..504 | zero |
//! | 504..512 | CRC-64/XZ of all before |
//!
//! Numbers are little endian. The checksum covers every byte, so any change is noticed; and the
//! device writes a sector whole or not at all, so a checksum that does not hold is damage and
//! never a torn write.

use crc::{CRC_64_XZ, Crc};
use tsoracle_consensus::HighWaterState;
use tsoracle_core::{Epoch, PHYSICAL_MS_MAX};

/// Bytes of the record: the unit that a disk writes atomically.
pub(crate) const RECORD_LEN: usize = 512;

const MAGIC: &[u8; 8] = b"TSOFREC1";
const SUM_AT: usize = RECORD_LEN - 8;

/// Covers the record and the identity.
pub(crate) const CHECKSUM: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);

/// The record of `state` in the store with this identity.
pub(crate) fn encode(store_id: u128, state: &HighWaterState) -> [u8; RECORD_LEN] {
    let mut record = [0; RECORD_LEN];
    record[..8].copy_from_slice(MAGIC);
    record[8..24].copy_from_slice(&store_id.to_le_bytes());
    record[24..40].copy_from_slice(&state.epoch.as_u128().to_le_bytes());
    record[40..48].copy_from_slice(&state.high_water.to_le_bytes());
    let sum = CHECKSUM.checksum(&record[..SUM_AT]);
    record[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
    record
}

/// The state in a record of the store with this identity, or what is wrong with the record.
pub(crate) fn decode(store_id: u128, bytes: &[u8]) -> Result<HighWaterState, String> {
    let record: &[u8; RECORD_LEN] = bytes
        .try_into()
        .map_err(|_| format!("it is {} bytes long instead of {RECORD_LEN}", bytes.len()))?;
    let sum = CHECKSUM.checksum(&record[..SUM_AT]);
    if number(record, SUM_AT..RECORD_LEN) != u128::from(sum) {
        return Err("its checksum does not hold".into());
    }
    if &record[..8] != MAGIC {
        return Err("it is not a record of this version".into());
    }
    if number(record, 8..24) != store_id {
        return Err("it belongs to another store".into());
    }
    let high_water = u64::try_from(number(record, 40..48)).unwrap_or(u64::MAX);
    if high_water > PHYSICAL_MS_MAX {
        return Err(format!("its high water, {high_water} ms, is out of range"));
    }
    Ok(HighWaterState {
        high_water,
        epoch: Epoch::new(number(record, 24..40)),
    })
}

fn number(record: &[u8; RECORD_LEN], place: std::ops::Range<usize>) -> u128 {
    record[place]
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: HighWaterState = HighWaterState {
        high_water: PHYSICAL_MS_MAX,
        epoch: Epoch::new(u128::MAX - 7),
    };

    #[test]
    fn a_record_comes_back_as_it_was() {
        assert_eq!(decode(9, &encode(9, &STATE)), Ok(STATE));
        let fresh = HighWaterState::default();
        assert_eq!(decode(u128::MAX, &encode(u128::MAX, &fresh)), Ok(fresh));
    }

    #[test]
    fn every_single_bit_is_covered() {
        let record = encode(9, &STATE);
        for bit in 0..RECORD_LEN * 8 {
            let mut changed = record;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(9, &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_record_of_another_store_or_length_is_refused() {
        let record = encode(9, &STATE);
        assert!(decode(8, &record).unwrap_err().contains("another store"));
        assert!(decode(9, &record[..511]).unwrap_err().contains("511 bytes"));
        assert!(decode(0, &[0; RECORD_LEN]).is_err());
    }
}
