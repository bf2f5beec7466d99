//! The leader keeps its quorum, and two nodes hang on one neighbour each.

use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "two_leaves",
    about: "five nodes: three know each other, the leader among them; two hang on one of them each",
    sizes: &[5],
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(two_leaves(run)),
};

async fn two_leaves(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let others = run.others(leader.place);
    let (one, two, three) = (leader.place, others[0], others[1]);
    run.begin_fault(Some(leader));
    run.keep_only(&[
        (one, two),
        (one, three),
        (two, three),
        (two, others[2]),
        (one, others[3]),
    ])
    .await?;
    run.hold_all().await;
    run.mend().await
}
