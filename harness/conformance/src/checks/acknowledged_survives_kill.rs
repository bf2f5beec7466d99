//! P3: an acknowledged value survives kill -9 of one node at any moment under load.

use futures_util::FutureExt;
use rand::RngExt;

use crate::case::Case;
use crate::crash::{start_and_check, strike_under_load};
use crate::ledger::Ledger;
use crate::verdict::guard;
use crate::{Call, Check, Level, Need, Outcome, Stop};

const ROUNDS: u64 = 4;

pub(super) const CHECK: Check = Check {
    name: "acknowledged_survives_kill",
    clause: "P3",
    level: Level::Single,
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
        // In the first round the leader, later anybody.
        let victim = match round {
            0 => leader.index,
            _ => rng.random_range(0..cluster.nodes().len()),
        };
        case.recording().clear();
        let tally = strike_under_load(
            case,
            &mut cluster,
            &leader,
            &mut ledger,
            &mut rng,
            |cluster| Ok(cluster.node_mut(victim)?.kill()?),
        )
        .await?;
        acknowledged += tally.acknowledged;
        cut += cut_short(&case.recording().calls());
    }
    start_and_check(case, &mut cluster, &mut ledger).await?;
    guard!(cut > 0, "no call was under way at any of the kills");
    case.count("kills", ROUNDS);
    case.count("acknowledged persists", acknowledged);
    case.count("calls cut short", cut);
    Ok(())
}

/// Calls without an answer that had begun before the last answer came.
fn cut_short(calls: &[Call]) -> u64 {
    let answered = calls
        .iter()
        .filter(|call| matches!(call.outcome, Outcome::Value(_)));
    let last_ns = answered.map(|call| call.end_ns).max().unwrap_or_default();
    let cut = calls
        .iter()
        .filter(|call| matches!(call.outcome, Outcome::Unknown(_)) && call.start_ns < last_ns);
    cut.count() as u64
}
