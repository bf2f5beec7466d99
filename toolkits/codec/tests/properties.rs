//! What holds for every value, every version and all bytes.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tsoracle_codec::{DecodeError, decode, decode_prefix, encode, encode_into, version_of};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Record {
    Unit,
    Number(u64),
    Pair { high: u128, low: i32 },
    Many(Vec<Record>),
    Text(String),
    Bytes(Vec<u8>),
    Map(BTreeMap<u16, Option<bool>>),
}

fn records() -> impl Strategy<Value = Record> {
    let leaf = prop_oneof![
        Just(Record::Unit),
        any::<u64>().prop_map(Record::Number),
        any::<(u128, i32)>().prop_map(|(high, low)| Record::Pair { high, low }),
        any::<String>().prop_map(Record::Text),
        vec(any::<u8>(), 0..64).prop_map(Record::Bytes),
        btree_map(any::<u16>(), any::<Option<bool>>(), 0..8).prop_map(Record::Map),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| vec(inner, 0..6).prop_map(Record::Many))
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back(version: u8, record in records()) {
        let bytes = encode(version, &record).unwrap();
        prop_assert_eq!(version_of(&bytes), Ok(version));
        prop_assert_eq!(decode::<Record>(version, &bytes), Ok(record));
    }

    #[test]
    fn appending_equals_encoding(version: u8, record in records(), before in vec(any::<u8>(), 0..32)) {
        let mut buffer = before.clone();
        encode_into(version, &record, &mut buffer).unwrap();
        prop_assert_eq!(&buffer[..before.len()], &before[..]);
        prop_assert_eq!(&buffer[before.len()..], &encode(version, &record).unwrap()[..]);
    }

    #[test]
    fn every_truncation_is_refused(version: u8, record in records()) {
        let bytes = encode(version, &record).unwrap();
        prop_assert_eq!(decode::<Record>(version, &[]), Err(DecodeError::Empty));
        for len in 1..bytes.len() {
            let refused = decode::<Record>(version, &bytes[..len]);
            prop_assert_eq!(refused, Err(DecodeError::Truncated { len }));
        }
    }

    #[test]
    fn bytes_behind_are_refused(version: u8, record in records(), behind in vec(any::<u8>(), 1..16)) {
        let mut bytes = encode(version, &record).unwrap();
        bytes.extend(&behind);
        let refused = decode::<Record>(version, &bytes);
        prop_assert_eq!(refused, Err(DecodeError::Trailing { extra: behind.len() }));
    }

    #[test]
    fn every_other_version_is_refused(version: u8, expected: u8, record in records()) {
        prop_assume!(version != expected);
        let bytes = encode(version, &record).unwrap();
        let refused = decode::<Record>(expected, &bytes);
        prop_assert_eq!(refused, Err(DecodeError::Version { expected, found: version }));
    }

    #[test]
    fn records_in_a_row_are_told_apart(version: u8, row in vec(records(), 0..6)) {
        let mut bytes = Vec::new();
        for record in &row {
            encode_into(version, record, &mut bytes).unwrap();
        }
        let (mut rest, mut found) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let (record, behind) = decode_prefix::<Record>(version, rest).unwrap();
            found.push(record);
            rest = behind;
        }
        prop_assert_eq!(found, row);
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..256)) {
        if let Ok(version) = version_of(&bytes) {
            // A value that decodes has an encoding that decodes to it again.
            if let Ok(record) = decode::<Record>(version, &bytes) {
                let again = encode(version, &record).unwrap();
                prop_assert_eq!(decode::<Record>(version, &again), Ok(record));
            }
        }
    }
}

#[test]
fn a_value_without_an_encoding_leaves_the_buffer_as_it_was() {
    struct Unwilling;
    impl Serialize for Unwilling {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    let mut buffer = vec![9];
    assert!(encode_into(1, &("begun", Unwilling), &mut buffer).is_err());
    assert_eq!(buffer, [9]);
}

#[test]
fn a_length_that_the_bytes_do_not_back_is_refused() {
    // A vector that says it has 2^62 elements, in eleven bytes.
    let bytes = [1, 3, 255, 255, 255, 255, 255, 255, 255, 255, 63];
    assert!(decode::<Record>(1, &bytes).is_err());
}
