//! The wall clock, which the persisted values come from, jumps.

use crate::scenario::ANY_SIZE;
use crate::{Repeats, Run, Scenario, Stop};

pub(super) const FORWARD: Scenario = Scenario {
    name: "clock_jump_forward",
    about: "the wall clock jumps an hour ahead",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(clock_jump(run, &[HOUR_MS])),
};

pub(super) const BACK: Scenario = Scenario {
    name: "clock_jump_back",
    about: "the wall clock jumps an hour back",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(clock_jump(run, &[-HOUR_MS])),
};

pub(super) const STROBE: Scenario = Scenario {
    name: "clock_strobe",
    about: "the wall clock jumps to and fro by an hour, four times in each T",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(clock_jump(run, &[HOUR_MS, -HOUR_MS])),
};

const HOUR_MS: i64 = 3_600_000;
/// Where the wall clock stands before: far from both ends of its range.
const NOON_MS: u64 = 1 << 40;
/// So many jumps, if it goes to and fro.
const JUMPS: usize = 40;

async fn clock_jump(run: &mut Run, jumps_ms: &[i64]) -> Result<(), Stop> {
    run.values.set_wall(NOON_MS);
    run.hold(2.0).await;
    run.leader().await?;
    run.begin_fault(None);
    let count = if jumps_ms.len() > 1 { JUMPS } else { 1 };
    for jump_ms in jumps_ms.iter().cycle().take(count) {
        run.values.set_wall(NOON_MS.saturating_add_signed(*jump_ms));
        run.acknowledged(1).await?;
        run.evidence("jumps with an acknowledgement after them", 1);
        run.hold(0.25).await;
    }
    run.settle().await;
    run.serve_again("service after the clock jumped").await
}
