//! The leader ends without a word.

use crate::scenario::ANY_SIZE;
use crate::{Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "leader_crash",
    about: "the leader's process is killed",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Figure,
    needs_journal: false,
    run: |run| Box::pin(leader_crash(run)),
};

async fn leader_crash(run: &mut Run) -> Result<(), Stop> {
    run.hold_some_of(run.t(1.0)).await;
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    run.kill(leader.place).await?;
    run.settle().await;
    run.mend().await
}
