//! The marker: which store this is, outside RocksDB. What vanished from RocksDB's folder is missed
//! because this stays, and the other way round.
//!
//! Layout: `TSOSTOR1`, cluster, node, store id (8 bytes each, little endian), the name that RocksDB
//! gave itself, CRC-64/XZ of all before it.

use crate::Identity;
use crate::frontier::CHECKSUM;

const MAGIC: &[u8; 8] = b"TSOSTOR1";
const NAME_AT: usize = 32;
const SUM: usize = 8;

/// What the marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) identity: Identity,
    /// RocksDB's own identity of its folder.
    pub(crate) rocksdb: Vec<u8>,
}

impl Marker {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Identity {
            cluster,
            node,
            store,
        } = self.identity;
        let mut bytes = MAGIC.to_vec();
        for number in [cluster, node, store] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(&self.rocksdb);
        let sum = CHECKSUM.checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// The marker in a file's bytes, or what is wrong with them.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let too_short = || format!("it is only {} bytes long", bytes.len());
        let (content, sum) = bytes
            .split_last_chunk::<SUM>()
            .filter(|(content, _)| content.len() > NAME_AT)
            .ok_or_else(too_short)?;
        if *sum != CHECKSUM.checksum(content).to_le_bytes() {
            return Err("its checksum does not hold".into());
        }
        if &content[..8] != MAGIC {
            return Err("it is not a marker of this version".into());
        }
        let number = |at: usize| {
            let bytes = content[at..at + 8].iter().rev();
            bytes.fold(0, |number, byte| (number << 8) | u64::from(*byte))
        };
        Ok(Self {
            identity: Identity {
                cluster: number(8),
                node: number(16),
                store: number(24),
            },
            rocksdb: content[NAME_AT..].to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_bit_is_covered() {
        let identity = Identity {
            cluster: 1,
            node: 2,
            store: u64::MAX,
        };
        let rocksdb = b"0b1e-77".to_vec();
        let marker = Marker { identity, rocksdb };
        let bytes = marker.encode();
        assert_eq!(Marker::decode(&bytes), Ok(marker));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Marker::decode(&changed).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Marker::decode(&bytes[..length]).is_err());
        }
    }
}
