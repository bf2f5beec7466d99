//! The clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use tsoracle_core::{Clock, ManualClock, PHYSICAL_MS_MAX, SystemClock};

#[test]
fn the_system_clock_reads_milliseconds_since_1970() {
    let read_ms = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis()
    };
    let before_ms = read_ms();
    let now_ms = SystemClock.now_ms();
    let after_ms = read_ms();
    assert!((before_ms..=after_ms).contains(&u128::from(now_ms)));
    assert!(now_ms <= PHYSICAL_MS_MAX);
}

#[test]
fn clones_of_a_manual_clock_share_its_reading() {
    let hand = ManualClock::new(100);
    let clock: Box<dyn Clock> = Box::new(hand.clone());
    hand.advance(5);
    assert_eq!(clock.now_ms(), 105);
    hand.rewind(10);
    assert_eq!(clock.now_ms(), 95);
    hand.set(7);
    assert_eq!(clock.now_ms(), 7);
}

#[test]
fn a_manual_clock_stops_at_either_end() {
    let clock = ManualClock::default();
    clock.rewind(1);
    assert_eq!(clock.now_ms(), 0);
    clock.advance(u64::MAX);
    clock.advance(1);
    assert_eq!(clock.now_ms(), u64::MAX);
}
