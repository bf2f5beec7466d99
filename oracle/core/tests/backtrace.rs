//! Feature `bt`: exhaustion knows where it arose.
#![cfg(feature = "bt")]

use std::backtrace::BacktraceStatus;
use std::num::NonZeroU32;

use tsoracle_core::{GrantError, PHYSICAL_MS_MAX, WindowAllocator};

#[test]
fn exhaustion_carries_a_backtrace_as_the_environment_asks() {
    let expected = std::backtrace::Backtrace::capture().status();
    let seeded = WindowAllocator::seed(PHYSICAL_MS_MAX).unwrap_err();
    assert_eq!(seeded.backtrace().status(), expected);
    assert_ne!(seeded.backtrace().status(), BacktraceStatus::Unsupported);

    let mut allocator = WindowAllocator::seed(PHYSICAL_MS_MAX - 1).unwrap();
    match allocator.grant(0, NonZeroU32::MAX) {
        Err(GrantError::Exhausted(error)) => assert_eq!(error.backtrace().status(), expected),
        other => panic!("{other:?}"),
    }
}
