//! Feature `serde`: what travels is what arrives, and how it looks on the way.
#![cfg(feature = "serde")]

use proptest::prelude::*;
use tsoracle_core::{Epoch, Timestamp};

proptest! {
    #[test]
    fn an_epoch_survives_json_as_its_text(value: u128) {
        let epoch = Epoch::new(value);
        let json = serde_json::to_string(&epoch).unwrap();
        prop_assert_eq!(&json, &format!("\"{epoch}\""));
        prop_assert_eq!(serde_json::from_str::<Epoch>(&json).unwrap(), epoch);
        // Neither an owned nor an unbuffered string needs to be borrowed from the input.
        let tree = serde_json::to_value(epoch).unwrap();
        prop_assert_eq!(serde_json::from_value::<Epoch>(tree).unwrap(), epoch);
        prop_assert_eq!(serde_json::from_reader::<_, Epoch>(json.as_bytes()).unwrap(), epoch);
    }

    #[test]
    fn an_epoch_survives_a_binary_format_as_its_number(value: u128) {
        let bytes = postcard::to_stdvec(&Epoch::new(value)).unwrap();
        prop_assert_eq!(&bytes, &postcard::to_stdvec(&value).unwrap());
        prop_assert_eq!(postcard::from_bytes::<Epoch>(&bytes).unwrap(), Epoch::new(value));
    }

    #[test]
    fn a_timestamp_travels_as_its_packed_value(packed: u64) {
        let timestamp = Timestamp::from_u64(packed);
        let json = serde_json::to_string(&timestamp).unwrap();
        prop_assert_eq!(&json, &packed.to_string());
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), timestamp);
        let bytes = postcard::to_stdvec(&timestamp).unwrap();
        prop_assert_eq!(&bytes, &postcard::to_stdvec(&packed).unwrap());
        prop_assert_eq!(postcard::from_bytes::<Timestamp>(&bytes).unwrap(), timestamp);
    }
}

#[test]
fn json_that_is_not_the_text_of_an_epoch_is_refused() {
    for json in ["1", "null", "\"1\"", "[0, 1]"] {
        assert!(serde_json::from_str::<Epoch>(json).is_err(), "{json}");
    }
}
