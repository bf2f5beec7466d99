//! The leader stands still for a while and goes on: what it was told to persist meanwhile is stale.

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const HALF: Scenario = Scenario {
    name: "leader_pause_half_t",
    about: "the leader stands still for 0.5 T and goes on",
    sizes: ANY_SIZE,
    needs: &[Need::Processes],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(leader_pause(run, 0.5)),
};

pub(super) const TWO: Scenario = Scenario {
    name: "leader_pause_2_t",
    about: "the leader stands still for 2 T and goes on",
    sizes: ANY_SIZE,
    needs: &[Need::Processes],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(leader_pause(run, 2.0)),
};

pub(super) const TEN: Scenario = Scenario {
    name: "leader_pause_10_t",
    about: "the leader stands still for 10 T and goes on",
    sizes: ANY_SIZE,
    needs: &[Need::Processes],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(leader_pause(run, 10.0)),
};

async fn leader_pause(run: &mut Run, times: f64) -> Result<(), Stop> {
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    run.freeze(leader.place).await?;
    run.pass_while_frozen(leader.place, run.t(times)).await;
    run.thaw(leader.place).await?;
    run.settle().await;
    if times > 2.0 {
        let refused = run.loyal.as_ref().map_or(0, crate::load::Loyal::refused);
        run.evidence("persists of the old epoch that were refused", refused);
    }
    run.serve_again("service after the pause").await
}
