//! P5: a leader refuses every epoch but its own, older, newer or never issued, before anything is
//! proposed, also when the value asked for is already stored; so does its successor, the former epoch
//! included, and nothing of it shows under later leaders.

use futures_util::FutureExt;
use rand::RngExt;
use tsoracle_consensus::{ConsensusError, Epoch};
use tsoracle_testbed::{Cluster, Leader};

use crate::case::Case;
use crate::failover::{Strike, depose, mend};
use crate::service::{self, load};
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const STORED: u64 = 1_000;
const RANDOM_EPOCHS: usize = 10;

pub(super) const CHECK: Check = Check {
    name: "unheld_epoch_is_refused",
    clause: "P5",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    case.persist(&leader, STORED).await?;
    let epochs = unheld(case, leader.epoch);
    for &epoch in &epochs {
        for at_least in [0, STORED, STORED + 1, STORED + 1_000] {
            ensure_fenced(case, &leader, at_least, epoch).await?;
        }
        ensure_serves(case, &leader).await?;
    }
    let leader = case.restart(&mut cluster).await?;
    ensure_serves(case, &leader).await?;
    case.count("unheld epochs", epochs.len() as u64);
    if case.minority() > 0 {
        after_failovers(case, &mut cluster).await?;
    }
    Ok(())
}

/// Epochs that others had, or have, are as foreign as those that nobody had.
async fn after_failovers(case: &mut Case, cluster: &mut Cluster) -> Result<(), Stop> {
    let mut epochs = Vec::new();
    for strike in Strike::all(case) {
        let (old, _) = load(case, cluster).await?;
        epochs.push(old.epoch);
        let new = depose(case, cluster, &old, strike).await?;
        let neighbours = unheld(case, new.epoch);
        for epoch in epochs.iter().chain(&neighbours) {
            let leader = service::ensure_fenced(case, cluster, STORED + 1_000, *epoch).await?;
            ensure!(
                leader.epoch != *epoch,
                "a leader refused its own epoch {epoch}"
            );
        }
        mend(case, cluster).await?;
        let (_, loaded) = load(case, cluster).await?;
        ensure!(
            loaded == STORED,
            "{STORED} was stored, refused persists followed, and {loaded} was loaded"
        );
        case.count("unheld epochs", (epochs.len() + neighbours.len()) as u64);
    }
    Ok(())
}

/// Neighbours, extremes, epochs that differ in one half only, and random ones.
fn unheld(case: &Case, own: Epoch) -> Vec<Epoch> {
    let (mut rng, own) = (case.rng(), own.as_u128());
    let mut epochs = vec![
        0,
        u128::MAX,
        own.wrapping_sub(1),
        own.wrapping_add(1),
        own ^ (1 << 64),
        own ^ (1 << 127),
        own.rotate_left(64),
    ];
    epochs.extend((0..RANDOM_EPOCHS).map(|_| rng.random::<u128>()));
    epochs.retain(|epoch| *epoch != own);
    epochs.into_iter().map(Epoch::new).collect()
}

async fn ensure_fenced(
    case: &Case,
    leader: &Leader,
    at_least: u64,
    epoch: Epoch,
) -> Result<(), Stop> {
    let driver = leader.driver.as_ref();
    let refusal = case.refusal(driver, at_least, epoch).await?;
    let told = match &refusal {
        ConsensusError::Fenced { offered, current } => Some((*offered, *current)),
        _ => None,
    };
    ensure!(
        told == Some((epoch, leader.epoch)),
        "in epoch {}, persist {at_least} under {epoch} was refused with {refusal:?}",
        leader.epoch
    );
    Ok(())
}

/// The value is untouched, and the leader's own epoch is good.
async fn ensure_serves(case: &Case, leader: &Leader) -> Result<(), Stop> {
    let loaded = case.load(leader).await?;
    let returned = case.persist(leader, STORED).await?;
    ensure!(
        loaded == STORED && returned == STORED,
        "{STORED} was stored, refused persists followed, and a load returned {loaded}, a persist \
         {returned}"
    );
    Ok(())
}
