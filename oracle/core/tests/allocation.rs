//! A grant allocates nothing, refused or not.

use std::hint::black_box;
use std::num::NonZeroU32;

use tsoracle_core::{GrantError, PHYSICAL_MS_MAX, WindowAllocator};

#[test]
fn no_outcome_of_a_grant_allocates_but_exhaustion() {
    let one = NonZeroU32::MIN;
    let many = NonZeroU32::new(1_000).unwrap();
    let mut allocator = WindowAllocator::seed(0).unwrap();
    let extension = allocator.prepare(1, 1_000, one).unwrap();
    allocator
        .commit(extension, extension.at_least_ms())
        .unwrap();

    let allocated = allocation_counter::measure(|| {
        for now_ms in 0..1_000 {
            let range = allocator
                .grant(now_ms, one)
                .and(allocator.grant(now_ms, many));
            for timestamp in range.iter().flatten() {
                black_box(timestamp);
            }
        }
        let refused = allocator.grant(2_000, one);
        assert!(matches!(refused, Err(GrantError::NeedsExtension)));
        let refused = allocator.grant(PHYSICAL_MS_MAX + 1, many);
        assert!(matches!(refused, Err(GrantError::ClockOutOfRange(_))));
    });
    assert_eq!(allocated.count_total, 0);
}
