//! P3: an acknowledged value survives kill -9 of nodes at any moment under load: of the leader, of
//! anybody, and of a majority. A minority that is gone is not even noticed.

use futures_util::FutureExt;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tsoracle_testbed::Cluster;

use crate::case::Case;
use crate::crash::{start_and_check, strike_under_load};
use crate::ledger::Ledger;
use crate::service::load;
use crate::verdict::guard;
use crate::{Call, Check, Level, Need, Outcome, Stop};

const ROUNDS: u64 = 4;

pub(super) const CHECK: Check = Check {
    name: "acknowledged_survives_kill",
    clause: "P3",
    level: Level::Both,
    needs: &[Need::Disk],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.processes().await?;
    let mut ledger = Ledger::default();
    let mut rng = case.rng();
    let (mut acknowledged, mut cut) = (0, 0);
    for round in 0..ROUNDS {
        let leader = start_and_check(case, &mut cluster, &mut ledger).await?;
        let victims = choose_victims(case, round, leader.index, &mut rng);
        let recording = case.recording().clone();
        let mut killed_ns = 0;
        let kill = |cluster: &mut Cluster| {
            killed_ns = recording.now_ns();
            for victim in &victims {
                cluster.node_mut(*victim)?.kill()?;
            }
            Ok(())
        };
        recording.clear();
        let tally =
            strike_under_load(case, &mut cluster, &leader, &mut ledger, &mut rng, kill).await?;
        acknowledged += tally.acknowledged;
        cut += cut_short(&recording.calls(), killed_ns);
        case.count("nodes killed", victims.len() as u64);
        if victims.len() <= case.minority() {
            let (_, loaded) = load(case, &cluster).await?;
            ledger.check(loaded)?;
        }
    }
    start_and_check(case, &mut cluster, &mut ledger).await?;
    guard!(cut > 0, "no call was under way at any of the kills");
    case.count("kills", ROUNDS);
    case.count("acknowledged persists", acknowledged);
    case.count("calls cut short", cut);
    Ok(())
}

/// In the first round the leader, then anybody; on a cluster also a majority, with the leader and
/// without.
fn choose_victims(case: &Case, round: u64, leader: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut others = case.others(leader);
    others.shuffle(rng);
    let majority = case.nodes() - case.minority();
    match round {
        0 => vec![leader],
        2 if case.nodes() > 1 => others
            .into_iter()
            .chain([leader])
            .rev()
            .take(majority)
            .collect(),
        3 if case.nodes() > 1 => others.into_iter().take(majority).collect(),
        _ => vec![rng.random_range(0..case.nodes())],
    }
}

/// Calls that had begun before the kill and have no answer.
fn cut_short(calls: &[Call], killed_ns: u64) -> u64 {
    let cut = calls
        .iter()
        .filter(|call| call.start_ns < killed_ns && matches!(call.outcome, Outcome::Unknown(_)));
    cut.count() as u64
}
