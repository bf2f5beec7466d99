//! O2: a clock that jumps back never lowers a timestamp, within a term and across restarts.

use std::num::NonZeroU32;

use futures_util::FutureExt;

use crate::case::Case;
use crate::sequence::Sequence;
use crate::{Check, Level, Stop};

const CLOCK_MS: u64 = 1_000_000_000_000;
const HOUR_MS: u64 = 3_600_000;
const BACK_MS: [u64; 6] = [1, 49, 51, HOUR_MS, 1_000 * HOUR_MS, u64::MAX];
/// A batch that takes a whole millisecond; so many of them need the window moved.
const MILLISECOND: NonZeroU32 = match NonZeroU32::new(1 << 18) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};
const MILLISECONDS: usize = 120;

pub(super) const CHECK: Check = Check {
    name: "clock_jump_back",
    clause: "O2",
    level: Level::Single,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let mut sequence = Sequence::open(case, &leader, CLOCK_MS).await?;
    for back_ms in BACK_MS {
        sequence.next(case).await?;
        sequence.clock.rewind(back_ms);
        sequence.next(case).await?;
        let leader = case.restart(&mut cluster).await?;
        sequence.go_on(case, &leader).await?;
        sequence.next(case).await?;
    }
    for _ in 0..MILLISECONDS {
        sequence.next_batch(case, MILLISECOND).await?;
    }
    let leader = case.restart(&mut cluster).await?;
    sequence.go_on(case, &leader).await?;
    sequence.next(case).await?;
    case.count("jumps back", BACK_MS.len() as u64);
    case.count("requests that were granted", sequence.granted());
    Ok(())
}
