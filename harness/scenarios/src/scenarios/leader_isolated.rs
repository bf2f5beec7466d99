//! The leader is cut off from all other nodes; its clients still reach it.

use tsoracle_testbed::HookKind;

use crate::load::Loyal;
use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const ALONE: Scenario = Scenario {
    name: "leader_isolated",
    about: "all links of the leader are cut; clients still reach it",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Timed,
    needs_journal: false,
    run: |run| Box::pin(leader_isolated(run, false)),
};

pub(super) const RIVAL: Scenario = Scenario {
    name: "leader_isolated_rival",
    about: "all links of the leader are cut, and other nodes campaign while its lease is valid",
    sizes: ANY_SIZE,
    needs: &[Need::Links, Need::Hook(HookKind::Campaign)],
    repeats: Repeats::Timed,
    needs_journal: false,
    run: |run| Box::pin(leader_isolated(run, true)),
};

/// So often a rival asks to be elected, a quarter of T apart.
const CAMPAIGNS: usize = 6;

async fn leader_isolated(run: &mut Run, has_rival: bool) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let others = run.others(leader.place);
    run.begin_fault(Some(leader));
    run.isolate(leader.place).await?;
    for rival in others
        .iter()
        .cycle()
        .take(if has_rival { CAMPAIGNS } else { 0 })
    {
        run.campaign(*rival).await?;
        run.hold(0.25).await;
    }
    run.settle().await;
    let refused = run.loyal.as_ref().map_or(0, Loyal::refused);
    run.evidence("persists that the old leader refused", refused);
    run.mend().await
}
