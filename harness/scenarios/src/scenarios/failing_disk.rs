//! The leader's disk is full, or gives errors: the node is of no more use until it starts again.

use tsoracle_testbed::faultfs::{Action, Errno, Op, Rule};

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const FULL: Scenario = Scenario {
    name: "full_disk",
    about: "the leader's disk has no room left",
    sizes: ANY_SIZE,
    needs: &[Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(failing_disk(run, Errno::Enospc)),
};

pub(super) const IO_ERROR: Scenario = Scenario {
    name: "io_error",
    about: "every change that the leader makes to its disk fails",
    sizes: ANY_SIZE,
    needs: &[Need::DiskFaults],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(failing_disk(run, Errno::Eio)),
};

async fn failing_disk(run: &mut Run, errno: Errno) -> Result<(), Stop> {
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    let ops = match errno {
        // What takes no room still works on a full disk.
        Errno::Enospc => vec![Op::Write, Op::Create, Op::Allocate, Op::Mkdir],
        Errno::Eio => Op::MUTATING.to_vec(),
    };
    let rule = Rule::new(run.site.dir(leader.place), Action::Fail(errno)).ops(ops);
    let rule = run.spoil_disk(leader.place, rule).await?;
    run.settle().await;
    run.begin_healing();
    run.mend_disk(leader.place, rule).await?;
    run.kill(leader.place).await?;
    run.start_all().await?;
    run.serve_again("service after the node was started again")
        .await
}
