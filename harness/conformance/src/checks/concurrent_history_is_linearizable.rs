//! P2: everything that 64 tasks of loads and persists are told, some of them giving up early, and
//! through restarts, fits one register that only rises; on a cluster on every node, and through
//! cuts, isolations, crashes, delays and losses.

use futures_util::FutureExt;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tsoracle_testbed::{Cluster, LinkFault};

use crate::case::Case;
use crate::failover::{Strike, has_links, mend};
use crate::roaming::Roaming;
use crate::service::{load, persist};
use crate::traffic::{Mix, Tally, Traffic};
use crate::verdict::guard;
use crate::{Check, Level, Stop, check_history};

const RESTARTS: u64 = 3;
const CLIENTS: u64 = 64;
const ACKNOWLEDGED_PER_TERM: u64 = 200;
const ACKNOWLEDGED_IN_BETWEEN: u64 = 60;

pub(super) const CHECK: Check = Check {
    name: "concurrent_history_is_linearizable",
    clause: "P2",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut total = Tally::default();
    for term in 0..=RESTARTS {
        let leader = case.start_again(&mut cluster).await?;
        case.load(&leader).await?;
        let mix = Mix {
            clients: CLIENTS,
            from: total.highest_proposed + 1,
            loads: 40,
            drops: 10,
        };
        let traffic = Traffic::start(&leader, mix, case.seed() + term);
        let patience = case.patience(case.timing().deadline * 4);
        traffic.wait_for(ACKNOWLEDGED_PER_TERM, patience).await?;
        case.shut_down(&mut cluster).await?;
        total.add(traffic.wait_for_refusals(case.call_patience()).await?);
    }
    let leader = case.start_again(&mut cluster).await?;
    case.load(&leader).await?;

    judge(case)?;
    guard!(total.refused > 0, "no restart met a call in flight");
    case.count("acknowledged persists", total.acknowledged);
    case.count("persists dropped before their end", total.dropped);
    case.count("restarts", RESTARTS);
    if case.minority() > 0 {
        // A fresh cluster begins at 0, and so does its history.
        case.recording().clear();
        let acknowledged = storm(case).await?;
        judge(case)?;
        case.count("acknowledged persists", acknowledged);
    }
    Ok(())
}

fn judge(case: &mut Case) -> Result<(), Stop> {
    let calls = case.recording().calls();
    check_history(0, &calls).map_err(|contradiction| {
        Stop::Failed(format!("the history is not linearizable: {contradiction}"))
    })?;
    case.count("calls", calls.len() as u64);
    Ok(())
}

/// Returns how many persists were acknowledged.
async fn storm(case: &mut Case) -> Result<u64, Stop> {
    let mut cluster = case.cluster().await?;
    let (mut last, _) = persist(case, &cluster, 1).await?;
    let mix = Mix {
        clients: CLIENTS,
        from: 2,
        loads: 40,
        drops: 10,
    };
    let clients = Roaming::start(&cluster, mix, case.seed())?;
    let mut rng = case.rng();
    let (mut changes, mut disturbed) = (0, 0);
    let mut weathers = Weather::all(case);
    weathers.shuffle(&mut rng);
    for weather in weathers {
        let (leader, _) = load(case, &cluster).await?;
        weather
            .come(case, &mut cluster, leader.index, &mut rng)
            .await?;
        clients.refresh(&cluster);
        clients
            .wait_for_more(ACKNOWLEDGED_IN_BETWEEN, case.election_patience())
            .await?;
        for index in (0..case.nodes()).filter(|_| has_links(case)) {
            disturbed += cluster.disturbed_around(index).await?;
        }
        mend(case, &mut cluster).await?;
        clients.refresh(&cluster);
        clients
            .wait_for_more(ACKNOWLEDGED_IN_BETWEEN, case.election_patience())
            .await?;
        let (leader, _) = load(case, &cluster).await?;
        changes += u64::from(leader.epoch > last.epoch);
        last = leader;
    }
    let tally = clients.finish(case.call_patience()).await?;
    load(case, &cluster).await?;
    guard!(changes > 1, "leadership moved {changes} times");
    guard!(
        disturbed > 0 || !has_links(case),
        "every frame went its usual way"
    );
    case.count("times that leadership moved", changes);
    case.count("frames that went astray", disturbed);
    case.count("persists dropped before their end", tally.dropped);
    case.count("times that a client was refused", tally.refused);
    Ok(tally.acknowledged)
}

/// What happens to a cluster.
#[derive(Clone, Copy)]
enum Weather {
    /// To its leader.
    Strike(Strike),
    /// Somebody else ends.
    FollowerCrash,
    /// The leader and one other node do not hear each other.
    Cut,
    /// This on every link.
    Everywhere(LinkFault),
}

impl Weather {
    fn all(case: &Case) -> Vec<Self> {
        let strikes = Strike::all(case).into_iter().map(Self::Strike);
        let mut all: Vec<Self> = strikes.chain([Self::FollowerCrash]).collect();
        if has_links(case) {
            let late = LinkFault::Delay(case.timing().election_timeout / 20);
            let lossy = LinkFault::Lossy {
                lose_per_mille: 20,
                duplicate_per_mille: 20,
                reorder_per_mille: 50,
            };
            all.extend([Self::Cut, Self::Everywhere(late), Self::Everywhere(lossy)]);
        }
        all
    }

    async fn come(
        self,
        case: &Case,
        cluster: &mut Cluster,
        leader: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<(), Stop> {
        let others = case.others(leader);
        let other = others[rng.random_range(0..others.len())];
        match self {
            Self::Strike(strike) => strike.hit(case, cluster, leader).await?,
            Self::FollowerCrash => Strike::Crash.hit(case, cluster, other).await?,
            Self::Cut => cluster.set_both(leader, other, LinkFault::Drop).await?,
            Self::Everywhere(fault) => {
                for from in 0..case.nodes() {
                    for to in case.others(from) {
                        cluster.set_link(from, to, fault).await?;
                    }
                }
            }
        }
        Ok(())
    }
}
