//! Every node reaches its two neighbours on a ring, and so a quorum of its own.

use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "majority_ring",
    about: "five nodes: each reaches its two neighbours on a ring only",
    sizes: &[5],
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(majority_ring(run)),
};

async fn majority_ring(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let mut ring = run.others(leader.place);
    ring.push(leader.place);
    let next = |at: usize| ring[(at + 1) % ring.len()];
    let kept: Vec<_> = (0..ring.len()).map(|at| (ring[at], next(at))).collect();
    run.begin_fault(Some(leader));
    run.keep_only(&kept).await?;
    run.hold_all().await;
    run.mend().await
}
