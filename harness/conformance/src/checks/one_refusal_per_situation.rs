//! P9: where several reasons to refuse apply, the first of range, `NotLeader`, `Fenced`, `Transient`
//! is the answer, on leaders, followers, candidates and leaders that are cut off; and what was
//! refused has no effect, but for `Transient`, whose outcome is unknown.

use futures_util::FutureExt;
use tsoracle_consensus::{Epoch, LeaderState, PHYSICAL_MS_MAX};
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::{a_few_elections, has_links, mend, wait_for_lapse};
use crate::service::load;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const STORED: u64 = 1_000;
const IN_RANGE: [u64; 4] = [0, STORED, STORED + 1, PHYSICAL_MS_MAX];
/// Offered under the epoch that a node holds, and under no other: what a leader without a quorum
/// may have appended.
const UNDER_ITS_OWN: u64 = STORED + 2;
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
    if case.minority() > 0 {
        on_a_cluster(case, &mut cluster).await?;
    }
    Ok(())
}

async fn on_a_cluster(case: &mut Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let (leader, _) = load(case, cluster).await?;
    let mut unknown = false;
    for index in case.others(leader.index) {
        unknown |= expect_by_state(case, cluster, index, leader.epoch).await?;
    }
    if has_links(case) {
        for index in 0..case.nodes() {
            cluster.isolate(index).await?;
        }
        wait_for_lapse(case, cluster, &leader).await?;
        unknown |= expect_by_state(case, cluster, leader.index, leader.epoch).await?;
        let patience = a_few_elections(case);
        while !patience.left().is_zero() {
            for index in case.others(leader.index) {
                unknown |= expect_by_state(case, cluster, index, leader.epoch).await?;
            }
            tokio::time::sleep(case.timing().election_timeout).await;
        }
        mend(case, cluster).await?;
    }
    let (_, loaded) = load(case, cluster).await?;
    ensure!(
        loaded == STORED || (unknown && loaded == UNDER_ITS_OWN),
        "everything above {STORED} was refused on every node, and {loaded} was loaded"
    );
    Ok(())
}

/// One node that cannot get a quorum's consent, by what it shows before the call and after it.
/// Returns whether it left the outcome of [`UNDER_ITS_OWN`] unknown.
async fn expect_by_state(
    case: &mut Case,
    cluster: &Cluster,
    index: usize,
    epoch: Epoch,
) -> Result<bool, Stop> {
    let driver = cluster.nodes()[index].driver()?;
    let mut unknown = false;
    for (offered, in_range) in other_epochs(epoch)
        .map(|other| (other, &IN_RANGE[..]))
        .chain([(epoch, &[0, STORED, UNDER_ITS_OWN][..])])
    {
        for at_least in in_range.iter().copied().chain(OUT_OF_RANGE) {
            let before = shown(cluster, index);
            let refusal = case.refusal(&*driver, at_least, offered).await?;
            let after = shown(cluster, index);
            let class = match before.leading_epoch() {
                _ if at_least > PHYSICAL_MS_MAX => "AdvanceOutOfRange",
                None => "NotLeader",
                Some(own) if own == offered => "Transient",
                Some(_) => "Fenced",
            };
            let stays = before.leading_epoch() == after.leading_epoch();
            ensure!(
                refusal.class() == class || (!stays && class != "AdvanceOutOfRange"),
                "node {} shows {before:?}, and persist {at_least} under {offered} was refused with \
                 {refusal:?} instead of {class}",
                index + 1
            );
            unknown |= at_least == UNDER_ITS_OWN && refusal.class() == "Transient";
            let situation = situation(&before);
            case.count(format!("{class} while {situation}"), 1);
        }
    }
    Ok(unknown)
}

fn situation(state: &LeaderState) -> &'static str {
    match state {
        LeaderState::Leader { .. } => "leading without a quorum",
        LeaderState::Candidate => "a candidate",
        LeaderState::Follower { .. } | LeaderState::NoLeader => "following",
    }
}

fn shown(cluster: &Cluster, index: usize) -> LeaderState {
    let mut states = cluster.states().into_iter();
    let found = states.find(|(at, _)| *at == index);
    found.map_or(LeaderState::NoLeader, |(_, state)| state)
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
