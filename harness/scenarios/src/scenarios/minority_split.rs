//! Two nodes on one side, three on the other.

use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const FEW: Scenario = Scenario {
    name: "minority_split_leader_few",
    about: "five nodes: the leader and one follower are cut off from the other three",
    sizes: &[5],
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(minority_split(run, 1)),
};

pub(super) const MANY: Scenario = Scenario {
    name: "minority_split_leader_many",
    about: "five nodes: two followers are cut off from the other three",
    sizes: &[5],
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(minority_split(run, 2)),
};

/// So many followers stay with the leader.
async fn minority_split(run: &mut Run, with_leader: usize) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let others = run.others(leader.place);
    let (near, far) = others.split_at(with_leader);
    run.begin_fault(Some(leader));
    for one in near.iter().chain([&leader.place]) {
        for other in far {
            run.cut(*one, *other).await?;
        }
    }
    run.settle().await;
    run.mend().await
}
