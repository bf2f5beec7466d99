//! A follower that sends, and receives nothing: it believes that nobody leads.

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "half_open_follower",
    about: "a follower sends, and receives nothing",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(half_open_follower(run)),
};

async fn half_open_follower(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let follower = run.others(leader.place)[0];
    run.begin_fault(Some(leader));
    for other in run.others(follower) {
        run.cut_one_way(other, follower).await?;
    }
    run.hold_all().await;
    run.mend().await
}
