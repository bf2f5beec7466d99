//! P9: where several reasons to refuse apply, the first of range, `NotLeader`, `Fenced` is the
//! answer, and what was refused has no effect.

use futures_util::FutureExt;
use tsoracle_consensus::{Epoch, PHYSICAL_MS_MAX};
use tsoracle_testbed::Leader;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const STORED: u64 = 1_000;
const IN_RANGE: [u64; 4] = [0, STORED, STORED + 1, PHYSICAL_MS_MAX];
const OUT_OF_RANGE: [u64; 2] = [PHYSICAL_MS_MAX + 1, u64::MAX];

pub(super) const CHECK: Check = Check {
    name: "one_refusal_per_situation",
    clause: "P9",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let old = case.leader(&cluster).await?;
    case.persist(&old, STORED).await?;
    while_leading(case, &old).await?;

    case.shut_down(&mut cluster).await?;
    while_not_leading(case, &old, "shut down").await?;
    let leader = case.start_again(&mut cluster).await?;
    while_not_leading(case, &old, "shut down, beside its successor").await?;
    while_leading(case, &leader).await?;
    let loaded = case.load(&leader).await?;
    ensure!(
        loaded == STORED,
        "everything above {STORED} was refused, and {loaded} was loaded"
    );
    let leader = case.restart(&mut cluster).await?;
    let loaded = case.load(&leader).await?;
    ensure!(
        loaded == STORED,
        "everything above {STORED} was refused, and {loaded} was loaded after a restart"
    );
    Ok(())
}

fn other_epochs(own: Epoch) -> impl Iterator<Item = Epoch> {
    let next = own.checked_next().unwrap_or(Epoch::ZERO);
    [Epoch::ZERO, next, Epoch::new(u128::MAX)]
        .into_iter()
        .filter(move |epoch| *epoch != own)
}

async fn while_leading(case: &mut Case, leader: &Leader) -> Result<(), Stop> {
    for at_least in OUT_OF_RANGE {
        expect(
            case,
            leader,
            "leading",
            at_least,
            leader.epoch,
            "AdvanceOutOfRange",
        )
        .await?;
    }
    for epoch in other_epochs(leader.epoch) {
        for at_least in OUT_OF_RANGE {
            expect(
                case,
                leader,
                "leading",
                at_least,
                epoch,
                "AdvanceOutOfRange",
            )
            .await?;
        }
        for at_least in IN_RANGE {
            expect(case, leader, "leading", at_least, epoch, "Fenced").await?;
        }
    }
    Ok(())
}

async fn while_not_leading(case: &mut Case, old: &Leader, situation: &str) -> Result<(), Stop> {
    for epoch in other_epochs(old.epoch).chain([old.epoch]) {
        for at_least in OUT_OF_RANGE {
            expect(case, old, situation, at_least, epoch, "AdvanceOutOfRange").await?;
        }
        for at_least in IN_RANGE {
            expect(case, old, situation, at_least, epoch, "NotLeader").await?;
        }
    }
    Ok(())
}

async fn expect(
    case: &mut Case,
    node: &Leader,
    situation: &str,
    at_least: u64,
    epoch: Epoch,
    class: &str,
) -> Result<(), Stop> {
    let refusal = case.refusal(node.driver.as_ref(), at_least, epoch).await?;
    ensure!(
        refusal.class() == class,
        "{situation} (epoch {}), persist {at_least} under {epoch} was refused with {refusal:?} \
         instead of {class}",
        node.epoch
    );
    case.count(format!("{class} while {situation}"), 1);
    Ok(())
}
