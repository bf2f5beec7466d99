//! Links of the leader that work in one direction only.

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const IN: Scenario = Scenario {
    name: "one_way_in",
    about: "the leader sends, and receives nothing",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Timed,
    needs_journal: false,
    run: |run| Box::pin(one_way(run, true)),
};

pub(super) const OUT: Scenario = Scenario {
    name: "one_way_out",
    about: "the leader receives, and what it sends is lost",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(one_way(run, false)),
};

async fn one_way(run: &mut Run, is_deaf: bool) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let others = run.others(leader.place);
    run.begin_fault(Some(leader));
    for other in others {
        match is_deaf {
            true => run.cut_one_way(other, leader.place).await?,
            false => run.cut_one_way(leader.place, other).await?,
        }
    }
    run.settle().await;
    run.mend().await
}
