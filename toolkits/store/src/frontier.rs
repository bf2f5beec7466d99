//! The frontier: up to which of RocksDB's sequence numbers everything is known to be durable.
//!
//! One sector, overwritten in place after each sync of the log and before anything is
//! acknowledged: `TSOFRNT1`, store id, sequence number (little endian), zeros, CRC-64/XZ of all
//! before it. The write itself is not synced then, so after a power loss the record may be an
//! older one; it is never ahead of the log.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crc::{CRC_64_XZ, Crc, Table};

use crate::StoreError;

pub(crate) const CHECKSUM: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);
pub(crate) const SECTOR: usize = 512;

const MAGIC: &[u8; 8] = b"TSOFRNT1";
const SUM_AT: usize = SECTOR - 8;

/// The open record.
#[derive(Debug)]
pub(crate) struct Frontier {
    file: File,
    path: PathBuf,
    store: u64,
}

impl Frontier {
    /// Opens the record and returns with it what it says. Changes nothing.
    pub(crate) fn open(path: &Path, store: u64) -> Result<(Self, u64), StoreError> {
        let bytes = crate::folder::read(path)?;
        let sequence = decode(store, &bytes).map_err(|why| StoreError::damaged(path, why))?;
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(StoreError::io("open", path))?;
        let path = path.to_owned();
        Ok((Self { file, path, store }, sequence))
    }

    /// Everything up to `sequence` is durable. Reaches the page cache: it survives the process,
    /// not the machine.
    pub(crate) fn record(&self, sequence: u64) -> Result<(), StoreError> {
        let sector = encode(self.store, sequence);
        self.file
            .write_all_at(&sector, 0)
            .map_err(StoreError::io("write", &self.path))
    }

    /// Makes what was recorded survive the machine too.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file
            .sync_data()
            .map_err(StoreError::io("sync", &self.path))
    }
}

pub(crate) fn encode(store: u64, sequence: u64) -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    sector[..8].copy_from_slice(MAGIC);
    sector[8..16].copy_from_slice(&store.to_le_bytes());
    sector[16..24].copy_from_slice(&sequence.to_le_bytes());
    let sum = CHECKSUM.checksum(&sector[..SUM_AT]);
    sector[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
    sector
}

fn decode(store: u64, bytes: &[u8]) -> Result<u64, String> {
    let sector: &[u8; SECTOR] = bytes
        .try_into()
        .map_err(|_| format!("it is {} bytes long instead of {SECTOR}", bytes.len()))?;
    if sector[SUM_AT..] != CHECKSUM.checksum(&sector[..SUM_AT]).to_le_bytes() {
        return Err("its checksum does not hold".into());
    }
    if &sector[..8] != MAGIC {
        return Err("it is not a frontier of this version".into());
    }
    if sector[8..16] != store.to_le_bytes() {
        return Err("it belongs to another store".into());
    }
    Ok(sector[16..24]
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_bit_is_covered() {
        let sector = encode(7, 99);
        assert_eq!(decode(7, &sector), Ok(99));
        assert!(decode(8, &sector).is_err());
        assert!(decode(7, &sector[..511]).is_err());
        for bit in 0..SECTOR * 8 {
            let mut changed = sector;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(7, &changed).is_err(), "bit {bit}");
        }
    }
}
