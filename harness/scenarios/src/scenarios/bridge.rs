//! The leader reaches one node only, and that one reaches a quorum.

use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "bridge",
    about: "five nodes: the leader hangs on one node, two more know each other and that node, the fifth is alone",
    sizes: &[5],
    needs: &[Need::Links],
    repeats: Repeats::Timed,
    needs_journal: false,
    run: |run| Box::pin(bridge(run)),
};

async fn bridge(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let others = run.others(leader.place);
    let (a, b, bridge) = (others[0], others[1], others[2]);
    run.begin_fault(Some(leader));
    run.keep_only(&[(a, b), (a, bridge), (b, bridge), (bridge, leader.place)])
        .await?;
    run.settle().await;
    run.mend().await
}
