//! A follower that was cut off for long comes back: what its return does to the others.

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "heal",
    about: "a follower was cut off for 20 T, and its links deliver again",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Timed,
    needs_journal: false,
    run: |run| Box::pin(heal(run)),
};

async fn heal(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let follower = run.others(leader.place)[0];
    run.isolate(follower).await?;
    run.hold(20.0).await;
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    run.heal_links().await?;
    run.hold_all().await;
    run.serve_again("service after a follower came back").await
}
