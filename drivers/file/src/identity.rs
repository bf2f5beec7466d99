//! The second file: which store this is. A record that vanished is missed because this stays, and
//! the other way round.
//!
//! Layout: `TSOFIDN1`, the identity (16 bytes, little endian), CRC-64/XZ of both.

use crate::record::CHECKSUM;

const MAGIC: &[u8; 8] = b"TSOFIDN1";
const SUM_AT: usize = 24;
const LEN: usize = SUM_AT + 8;

pub(crate) fn encode(store_id: u128) -> [u8; LEN] {
    let mut identity = [0; LEN];
    identity[..8].copy_from_slice(MAGIC);
    identity[8..SUM_AT].copy_from_slice(&store_id.to_le_bytes());
    let sum = CHECKSUM.checksum(&identity[..SUM_AT]);
    identity[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
    identity
}

/// The identity in a file's bytes, or what is wrong with them.
pub(crate) fn decode(bytes: &[u8]) -> Result<u128, String> {
    let identity: &[u8; LEN] = bytes
        .try_into()
        .map_err(|_| format!("it is {} bytes long instead of {LEN}", bytes.len()))?;
    let sum = CHECKSUM.checksum(&identity[..SUM_AT]);
    if identity[SUM_AT..] != sum.to_le_bytes() {
        return Err("its checksum does not hold".into());
    }
    if &identity[..8] != MAGIC {
        return Err("it is not an identity of this version".into());
    }
    let id = &identity[8..SUM_AT];
    Ok(id
        .iter()
        .rev()
        .fold(0, |id, byte| (id << 8) | u128::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_bit_is_covered() {
        let identity = encode(77);
        assert_eq!(decode(&identity), Ok(77));
        for bit in 0..LEN * 8 {
            let mut changed = identity;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&changed).is_err(), "bit {bit}");
        }
        assert!(decode(&identity[..31]).is_err());
    }
}
