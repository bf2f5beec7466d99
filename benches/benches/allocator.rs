//! What a grant costs: at most 20 ns for one timestamp, 40 ns for a thousand.
#![allow(missing_docs, reason = "criterion's macros generate public items")]

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{Criterion, criterion_group, criterion_main};
use tsoracle_core::{PHYSICAL_MS_MAX, WindowAllocator};

const NOW_MS: u64 = 1_800_000_000_000;

/// With a window to the end of time, so that no grant is refused.
#[expect(
    clippy::expect_used,
    reason = "a bench that cannot start has no figure"
)]
fn allocator() -> WindowAllocator {
    let mut allocator = WindowAllocator::seed(NOW_MS - 1).expect("room above the seed");
    let extension = allocator
        .prepare(NOW_MS, PHYSICAL_MS_MAX, NonZeroU32::MIN)
        .expect("a representable window");
    allocator
        .commit(extension, extension.at_least_ms())
        .expect("a durable window");
    allocator
}

#[expect(
    clippy::expect_used,
    reason = "a refused grant must not pass for a fast one"
)]
fn grants(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocator/grant");
    for count in [1, 1_000] {
        let count = NonZeroU32::new(count).expect("a count of at least 1");
        let mut allocator = allocator();
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter(|| {
                allocator
                    .grant(black_box(NOW_MS), black_box(count))
                    .expect("a window without end")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, grants);
criterion_main!(benches);
