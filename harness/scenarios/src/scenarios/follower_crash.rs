//! A follower ends without a word: nobody should notice.

use crate::scenario::ANY_SIZE;
use crate::{Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "follower_crash",
    about: "a follower's process is killed",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(follower_crash(run)),
};

async fn follower_crash(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let follower = run.others(leader.place)[0];
    run.begin_fault(None);
    run.kill(follower).await?;
    run.settle().await;
    run.mend().await
}
