//! A handoff to a node that was cut off just before.

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "failed_handoff",
    about: "the leader hands over to a node that was cut off just before",
    sizes: ANY_SIZE,
    needs: &[Need::Handoff, Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(failed_handoff(run)),
};

async fn failed_handoff(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let target = run.others(leader.place)[0];
    run.isolate(target).await?;
    run.begin_fault(Some(leader));
    let handed = run.hand_off(leader.place, target).await?;
    run.evidence("handoffs that were given up", u64::from(handed.is_err()));
    run.settle().await;
    run.mend().await
}
