//! Everyone reaches one follower and nobody else, the leader too: it lives, and has no quorum.

use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "quorum_loss",
    about: "five nodes: every link is cut but those of one follower, so that only it reaches a quorum",
    sizes: &[5],
    needs: &[Need::Links],
    repeats: Repeats::Figure,
    needs_journal: false,
    run: |run| Box::pin(quorum_loss(run)),
};

async fn quorum_loss(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let hub = run.others(leader.place)[0];
    let kept: Vec<_> = run
        .others(hub)
        .into_iter()
        .map(|other| (hub, other))
        .collect();
    run.begin_fault(Some(leader));
    run.keep_only(&kept).await?;
    run.settle().await;
    run.mend().await
}
