//! What a grant costs: at most 20 ns for one timestamp, 40 ns for a thousand.
//!
//! The floor beside them is an iteration with nothing in it.

#![allow(clippy::expect_used, reason = "a bench that cannot run has no figure")]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use criterion::Criterion;
use tsoracle_core::{PHYSICAL_MS_MAX, WindowAllocator};

const NOW_MS: u64 = 1_800_000_000_000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    grants(&mut criterion);
    criterion.final_summary();
}

/// With a window to the end of time, so that no grant is refused.
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

fn grants(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocator/grant");
    group.bench_function("floor_empty", |bencher| {
        bencher.iter(|| black_box(()));
    });
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
