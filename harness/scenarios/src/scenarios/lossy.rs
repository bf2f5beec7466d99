//! Frames that are lost, repeated or swapped below the session layer: an engine sees loss, and breaks.

use tsoracle_testbed::LinkFault;

use crate::scenario::ANY_SIZE;
use crate::{Need, Repeats, Run, Scenario, Stop};

pub(super) const LOSS_1: Scenario = Scenario {
    name: "loss_1",
    about: "1 of 100 frames on every link are lost, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, loss(1))),
};

pub(super) const LOSS_10: Scenario = Scenario {
    name: "loss_10",
    about: "10 of 100 frames on every link are lost, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, loss(10))),
};

pub(super) const LOSS_30: Scenario = Scenario {
    name: "loss_30",
    about: "30 of 100 frames on every link are lost, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, loss(30))),
};

pub(super) const DUPLICATION_1: Scenario = Scenario {
    name: "duplication_1",
    about: "1 of 100 frames on every link come twice, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, duplication(1))),
};

pub(super) const DUPLICATION_10: Scenario = Scenario {
    name: "duplication_10",
    about: "10 of 100 frames on every link come twice, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, duplication(10))),
};

pub(super) const DUPLICATION_30: Scenario = Scenario {
    name: "duplication_30",
    about: "30 of 100 frames on every link come twice, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, duplication(30))),
};

pub(super) const REORDERING_1: Scenario = Scenario {
    name: "reordering_1",
    about: "1 of 100 frames on every link change places, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, reordering(1))),
};

pub(super) const REORDERING_10: Scenario = Scenario {
    name: "reordering_10",
    about: "10 of 100 frames on every link change places, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, reordering(10))),
};

pub(super) const REORDERING_30: Scenario = Scenario {
    name: "reordering_30",
    about: "30 of 100 frames on every link change places, below the session layer",
    sizes: ANY_SIZE,
    needs: &[Need::Links],
    repeats: Repeats::Verdict,
    needs_journal: false,
    run: |run| Box::pin(lossy(run, reordering(30))),
};

const fn loss(percent: u16) -> LinkFault {
    LinkFault::Lossy {
        lose_per_mille: percent * 10,
        duplicate_per_mille: 0,
        reorder_per_mille: 0,
    }
}

const fn duplication(percent: u16) -> LinkFault {
    LinkFault::Lossy {
        lose_per_mille: 0,
        duplicate_per_mille: percent * 10,
        reorder_per_mille: 0,
    }
}

const fn reordering(percent: u16) -> LinkFault {
    LinkFault::Lossy {
        lose_per_mille: 0,
        duplicate_per_mille: 0,
        reorder_per_mille: percent * 10,
    }
}

async fn lossy(run: &mut Run, fault: LinkFault) -> Result<(), Stop> {
    let leader = run.leader().await?;
    run.begin_fault(Some(leader));
    run.set_all_links(fault).await?;
    run.hold_all().await;
    run.mend().await
}
