//! Timestamps, ranges and epochs: packing, order and text.

use std::num::NonZeroU32;

use proptest::prelude::*;
use tsoracle_core::{
    Epoch, LOGICAL_BITS, LOGICAL_MAX, PHYSICAL_MS_MAX, Timestamp, TimestampOutOfRange,
    TimestampRange,
};

proptest! {
    #[test]
    fn a_timestamp_keeps_its_parts(
        physical_ms in 0..=PHYSICAL_MS_MAX,
        logical in 0..=LOGICAL_MAX,
    ) {
        let timestamp = Timestamp::new(physical_ms, logical).unwrap();
        prop_assert_eq!(timestamp.physical_ms(), physical_ms);
        prop_assert_eq!(timestamp.logical(), logical);
        prop_assert_eq!(timestamp.to_string(), format!("{physical_ms}.{logical}"));
    }

    #[test]
    fn every_u64_is_a_timestamp(packed: u64) {
        let timestamp = Timestamp::from_u64(packed);
        prop_assert_eq!(timestamp.as_u64(), packed);
        prop_assert_eq!(
            Timestamp::new(timestamp.physical_ms(), timestamp.logical()),
            Ok(timestamp)
        );
    }

    #[test]
    fn timestamps_order_by_millisecond_then_counter(a: u64, b: u64) {
        let (a, b) = (Timestamp::from_u64(a), Timestamp::from_u64(b));
        let parts = |t: Timestamp| (t.physical_ms(), t.logical());
        prop_assert_eq!(a.cmp(&b), parts(a).cmp(&parts(b)));
    }

    #[test]
    fn parts_that_do_not_fit_are_refused(
        physical_ms in PHYSICAL_MS_MAX + 1..,
        logical in LOGICAL_MAX + 1..,
    ) {
        prop_assert_eq!(
            Timestamp::new(physical_ms, 0),
            Err(TimestampOutOfRange { physical_ms, logical: 0 })
        );
        prop_assert_eq!(
            Timestamp::new(0, logical),
            Err(TimestampOutOfRange { physical_ms: 0, logical })
        );
    }

    #[test]
    fn a_range_yields_each_timestamp_once(first: u64, count in 1..2_000_u32) {
        let first = Timestamp::from_u64(first);
        let Some(range) = TimestampRange::new(first, NonZeroU32::new(count).unwrap()) else {
            prop_assert!(first.as_u64() > u64::MAX - u64::from(count - 1));
            return Ok(());
        };
        let forward: Vec<_> = range.iter().collect();
        let backward: Vec<_> = range.iter().rev().collect();
        prop_assert_eq!(range.len(), count);
        prop_assert_eq!(range.iter().len(), forward.len());
        prop_assert_eq!(forward.len(), count as usize);
        prop_assert_eq!((forward[0], forward[forward.len() - 1]), (first, range.last()));
        prop_assert!(forward.is_sorted_by(|a, b| a < b));
        prop_assert!(forward.iter().eq(backward.iter().rev()));
    }

    #[test]
    fn an_epoch_survives_its_text(value: u128) {
        let epoch = Epoch::new(value);
        prop_assert_eq!(epoch.to_string().parse(), Ok(epoch));
        prop_assert_eq!(epoch.as_u128(), value);
    }

    #[test]
    fn epochs_order_as_their_numbers_and_as_their_texts(a: u128, b: u128) {
        let order = a.cmp(&b);
        let (a, b) = (Epoch::new(a), Epoch::new(b));
        prop_assert_eq!(a.cmp(&b), order);
        prop_assert_eq!(a.to_string().cmp(&b.to_string()), order);
    }

    #[test]
    fn text_that_parses_is_the_text_of_its_epoch(text in "[0-9a-fA-F+-]{14,18}[-_ ]?[0-9a-f]{16}") {
        if let Ok(epoch) = text.parse::<Epoch>() {
            prop_assert_eq!(epoch.to_string(), text);
        }
    }
}

#[test]
fn the_limits_fill_the_word() {
    assert_eq!(LOGICAL_BITS, 18);
    assert_eq!(Timestamp::new(0, 0), Ok(Timestamp::MIN));
    assert_eq!(
        Timestamp::new(PHYSICAL_MS_MAX, LOGICAL_MAX),
        Ok(Timestamp::MAX)
    );
}

#[test]
fn a_range_of_the_greatest_count_ends_where_it_must() {
    let first = Timestamp::from_u64(u64::MAX - u64::from(u32::MAX) + 1);
    let range = TimestampRange::new(first, NonZeroU32::MAX).unwrap();
    assert_eq!(range.last(), Timestamp::MAX);
    assert_eq!(range.len(), u32::MAX);
    assert_eq!(range.iter().nth_back(0), Some(Timestamp::MAX));

    let later = Timestamp::from_u64(first.as_u64() + 1);
    assert_eq!(TimestampRange::new(later, NonZeroU32::MAX), None);
}

#[test]
fn an_epoch_shows_its_halves() {
    let text = "00000000000000ab-00000000000000cd";
    assert_eq!(Epoch::new((0xab << 64) | 0xcd).to_string(), text);
    assert_eq!(
        format!("{:?}", Epoch::ZERO),
        format!("Epoch({})", Epoch::ZERO)
    );
}

#[test]
fn text_that_is_not_an_epoch_is_refused() {
    let refused = [
        "",
        "-",
        "1-2",
        "0000000000000000",
        "00000000000000000000000000000000",
        "0000000000000000_0000000000000000",
        "0000000000000000-000000000000000",
        "0000000000000000-00000000000000000",
        "0000000000000000-0000000000000000-",
        "0000000000000000-000000000000000A",
        "+000000000000000-0000000000000000",
        "0000000000000000--000000000000000",
        " 000000000000000-0000000000000000",
    ];
    for text in refused {
        let parsed: Result<Epoch, _> = text.parse();
        assert!(parsed.is_err(), "{text:?} parsed as {parsed:?}");
    }
}

#[test]
fn epochs_come_one_after_the_other() {
    let edges = [0, 1, u128::from(u64::MAX), u128::MAX - 1];
    for value in edges {
        assert_eq!(
            Epoch::new(value).checked_next(),
            Some(Epoch::new(value + 1))
        );
    }
    assert_eq!(Epoch::new(u128::MAX).checked_next(), None);
    assert_eq!(Epoch::ZERO.as_u128(), 0);
}
