//! P3: an acknowledged value survives kill -9 of every node and the loss of every byte that was
//! never synced; so does a value that a load returned (P2). On a cluster also that of a minority,
//! of one minority after the other, and of all of whom the leader does not come back.

use futures_util::FutureExt;
use rand::seq::SliceRandom;
use tsoracle_testbed::faultfs::{Action, Counts, Loss, Op, Rule};
use tsoracle_testbed::{Cluster, Placement};

use crate::case::Case;
use crate::crash::{kill_all, lose_unsynced, spawn, start_and_check, strike_under_load};
use crate::ledger::Ledger;
use crate::service::{load, persist};
use crate::stall::Stall;
use crate::verdict::guard;
use crate::{Check, Level, Need, Stop};

const ROUNDS: u64 = 3;

pub(super) const CHECK: Check = Check {
    name: "acknowledged_survives_power_loss",
    clause: "P3",
    level: Level::Both,
    needs: &[Need::DiskFaults],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let plan = case.plan(Placement::Processes);
    let mut cluster = Cluster::prepare(&plan)?;
    let mut ledger = Ledger::default();
    let mut lost = Lost::default();
    lose_power_under_load(case, &mut cluster, &mut ledger, &mut lost).await?;
    lose_power_while_syncs_hang(case, &mut cluster, &mut ledger, &mut lost).await?;
    if case.minority() > 0 {
        lose_power_on_minorities(case, &mut cluster, &mut ledger, &mut lost).await?;
        come_back_without_the_leader(case, &mut cluster, &mut ledger, &mut lost).await?;
    }
    start_and_check(case, &mut cluster, &mut ledger).await?;
    case.count("unsynced bytes lost", lost.bytes);
    case.count("unsynced names lost", lost.names);
    Ok(())
}

#[derive(Default)]
struct Lost {
    bytes: u64,
    names: u64,
}

/// At seeded moments, with calls under way.
async fn lose_power_under_load(
    case: &mut Case,
    cluster: &mut Cluster,
    ledger: &mut Ledger,
    lost: &mut Lost,
) -> Result<(), Stop> {
    let mut rng = case.rng();
    let mut acknowledged = 0;
    for _ in 0..ROUNDS {
        spawn(cluster, true).await?;
        let first = &cluster.nodes()[0];
        let rule = Rule::new(first.dir(), Action::Count).ops(Op::MUTATING);
        let rule = first.disk()?.install(rule).await?;
        let leader = start_and_check(case, cluster, ledger).await?;
        let answer = case.try_persist(&leader, ledger.propose()).await?;
        ledger.note(&answer);
        let counts = cluster.nodes()[0].disk()?.counts(rule).await?;
        guard!(changes(&counts) > 0, "the node changed no file: {counts:?}");
        let tally = strike_under_load(case, cluster, &leader, ledger, &mut rng, kill_all).await?;
        acknowledged += tally.acknowledged;
        note(&lose_unsynced(cluster)?, lost);
    }
    case.count("power losses under load", ROUNDS);
    case.count("acknowledged persists", acknowledged);
    Ok(())
}

/// What is acknowledged is durable on a quorum, whose majority the leader is not.
async fn come_back_without_the_leader(
    case: &mut Case,
    cluster: &mut Cluster,
    ledger: &mut Ledger,
    lost: &mut Lost,
) -> Result<(), Stop> {
    for _ in 0..ROUNDS {
        spawn(cluster, true).await?;
        start_and_check(case, cluster, ledger).await?;
        let (leader, value) = persist(case, cluster, ledger.propose()).await?;
        ledger.note(&Ok(value));
        kill_all(cluster)?;
        note(&lose_unsynced(cluster)?, lost);
        for index in case.others(leader.index) {
            cluster.node_mut(index)?.start().await?;
        }
        let (_, loaded) = load(case, cluster).await?;
        ledger.check(loaded)?;
        kill_all(cluster)?;
        case.count("power losses from which the leader did not come back", 1);
    }
    Ok(())
}

/// A minority loses its power under load, comes back, and then the next one does: in the end each
/// node has lost what it had not synced.
async fn lose_power_on_minorities(
    case: &mut Case,
    cluster: &mut Cluster,
    ledger: &mut Ledger,
    lost: &mut Lost,
) -> Result<(), Stop> {
    spawn(cluster, true).await?;
    let mut rng = case.rng();
    let mut all: Vec<usize> = (0..case.nodes()).collect();
    all.shuffle(&mut rng);
    for victims in all.chunks(case.minority()) {
        let leader = start_and_check(case, cluster, ledger).await?;
        let kill = |cluster: &mut Cluster| {
            for victim in victims {
                cluster.node_mut(*victim)?.kill()?;
            }
            Ok(())
        };
        strike_under_load(case, cluster, &leader, ledger, &mut rng, kill).await?;
        for victim in victims {
            note(&[cluster.nodes()[*victim].lose_unsynced()?], lost);
        }
        let (_, loaded) = load(case, cluster).await?;
        ledger.check(loaded)?;
        for victim in victims {
            let node = cluster.node_mut(*victim)?;
            node.spawn()?;
            let dir = node.dir().to_owned();
            node.disk()?.record_unsynced(&dir).await?;
        }
        case.count("power losses of a minority", 1);
    }
    start_and_check(case, cluster, ledger).await?;
    kill_all(cluster)
}

/// What is acknowledged, or shown by a load, while no sync comes back, is either durable in another
/// way or lost for sure.
async fn lose_power_while_syncs_hang(
    case: &mut Case,
    cluster: &mut Cluster,
    ledger: &mut Ledger,
    lost: &mut Lost,
) -> Result<(), Stop> {
    spawn(cluster, true).await?;
    let leader = start_and_check(case, cluster, ledger).await?;
    let stall = Stall::everywhere(cluster).await?;
    // How long these calls take is the matter of P8 and R4.
    let persist = case.try_persist(&leader, ledger.propose());
    if let Ok(answer) = persist.await {
        ledger.note(&answer);
    }
    if let Ok(loaded) = case.load(&leader).await {
        ledger.note(&Ok(loaded));
    }
    let hung = stall.hits(cluster).await?;
    kill_all(cluster)?;
    let losses = lose_unsynced(cluster)?;
    guard!(
        hung == 0 || losses.iter().any(|loss| !loss.is_empty()),
        "{hung} syncs hung, and without them nothing was lost"
    );
    note(&losses, lost);
    case.count("power losses while syncs hang", 1);
    case.count("syncs that hung", hung);
    Ok(())
}

fn note(losses: &[Loss], lost: &mut Lost) {
    lost.bytes += losses.iter().map(Loss::bytes).sum::<u64>();
    lost.names += losses
        .iter()
        .map(|loss| loss.names.len() as u64)
        .sum::<u64>();
}

fn changes(counts: &Counts) -> u64 {
    counts.creates + counts.writes + counts.truncates + counts.allocates + counts.renames
}
