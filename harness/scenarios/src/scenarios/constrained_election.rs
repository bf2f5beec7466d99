//! Only a follower with an old log reaches a quorum.

use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "constrained_election",
    about: "five nodes: the only one that reaches a quorum lacks what was acknowledged last",
    sizes: &[5],
    needs: &[Need::Links],
    repeats: Repeats::Figure,
    needs_journal: false,
    run: |run| Box::pin(constrained_election(run)),
};

/// So many persists the hub has not heard of.
const BEHIND: usize = 5;

async fn constrained_election(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let others = run.others(leader.place);
    let (hub, rest) = (others[0], &others[1..]);
    run.cut(leader.place, hub).await?;
    run.acknowledged(BEHIND).await?;
    let still = run.leader().await?;
    if still != leader {
        return Err(Stop::Invalid(
            "another node led before the hub was behind".to_owned(),
        ));
    }
    run.count_disturbed_frames("frames that the hub lacks")
        .await?;
    run.begin_fault(Some(leader));
    run.isolate(leader.place).await?;
    for (at, one) in rest.iter().enumerate() {
        for other in &rest[at + 1..] {
            run.cut(*one, *other).await?;
        }
    }
    run.settle().await;
    run.mend().await
}
