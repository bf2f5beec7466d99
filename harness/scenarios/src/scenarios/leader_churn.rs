//! Leaders that fall one after the other, each by another fault.

use rand::RngExt;
use tokio::time::Instant;

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "leader_churn",
    about: "soak: leaders are killed, frozen and cut off one after the other",
    sizes: ANY_SIZE,
    needs: &[Need::Processes, Need::Links],
    repeats: Repeats::Once,
    needs_journal: false,
    run: |run| Box::pin(leader_churn(run)),
};

async fn leader_churn(run: &mut Run) -> Result<(), Stop> {
    let began = Instant::now();
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    while began.elapsed() < run.options.soak {
        let leader = run.leader().await?;
        match run.rng.random_range(0..3) {
            0 => run.kill(leader.place).await?,
            1 => {
                run.freeze(leader.place).await?;
                run.pass_while_frozen(leader.place, run.t(5.0)).await;
                run.thaw(leader.place).await?;
            }
            _ => run.isolate(leader.place).await?,
        }
        run.settle().await;
        run.evidence("leaders that were struck", 1);
        run.mend().await?;
    }
    // Each fault was removed in its turn; the run is judged as a whole.
    run.marks.healed = None;
    Ok(())
}
