//! A majority is gone, and comes back one node at a time.

use tsoracle_consensus::BootInstant;

use crate::scenario::ANY_SIZE;
use crate::{Repeats, Run, Scenario, Stop};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "no_quorum",
    about: "a majority is killed, and one node too few is left; later one comes back",
    sizes: ANY_SIZE,
    needs: &[],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(no_quorum(run)),
};

async fn no_quorum(run: &mut Run) -> Result<(), Stop> {
    let leader = run.leader().await?;
    let mut gone = run.others(leader.place);
    gone.truncate(run.options.nodes.div_ceil(2));
    run.begin_fault(Some(leader));
    for place in &gone {
        run.kill(*place).await?;
    }
    let from_ns = run.recording.now_ns();
    run.hold(10.0).await;
    run.marks.without_quorum = Some((from_ns, run.recording.now_ns()));
    run.start(gone[0]).await?;
    run.marks.quorum_back = Some(BootInstant::now());
    run.serve_again("service after a quorum was back").await?;
    run.mend().await
}
