//! The leader and one follower do not reach each other; the third node reaches both.

use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "chained",
    about: "three nodes: the link between the leader and one follower is cut",
    sizes: &[3],
    needs: &[Need::Links],
    repeats: Repeats::Figure,
    needs_journal: false,
    run: |run| Box::pin(chained(run)),
};

async fn chained(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let follower = run.others(leader.place)[0];
    run.begin_fault(Some(leader));
    run.cut(leader.place, follower).await?;
    run.hold_all().await;
    run.mend().await
}
