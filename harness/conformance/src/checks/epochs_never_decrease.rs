//! L3: the epochs of the `Leader` states that one node shows never decrease, while it works, across
//! restarts, and through cuts and elections.

use futures_util::{FutureExt, StreamExt};
use tokio::task::unconstrained;
use tsoracle_consensus::{Epoch, LeadershipStream};
use tsoracle_testbed::{Cluster, Leader, Links};

use crate::case::Case;
use crate::elections::{Elections, Fall};
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop};

const RESTARTS: u64 = 4;
const PERSISTS: u64 = 25;
/// More leaders than nodes, so that some lead again.
const FALLS: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "epochs_never_decrease",
    clause: "L3",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let mut shown = vec![Vec::new(); cluster.nodes().len()];
    let mut value = 0;
    for _ in 0..=RESTARTS {
        let leader = case.start_again(&mut cluster).await?;
        let mut views = cluster
            .nodes()
            .iter()
            .map(|node| Ok(node.driver()?.leadership_events()))
            .collect::<Result<Vec<_>, Stop>>()?;
        for _ in 0..PERSISTS {
            look(&mut views, &mut shown);
            shown[leader.index].extend(shown_first(case, &cluster, &leader).await?);
            value = case.persist(&leader, value + 1).await?;
        }
        case.shut_down(&mut cluster).await?;
        look(&mut views, &mut shown);
    }
    ensure_no_way_back(&shown)?;
    let states = shown.iter().map(|epochs| epochs.len() as u64).sum();
    guard!(states > RESTARTS, "only {states} states were Leader");
    case.count("Leader states", states);
    case.count("restarts", RESTARTS);
    if case.nodes() > 1 && case.capabilities().links != Links::None {
        through_elections(case).await?;
    }
    Ok(())
}

async fn through_elections(case: &mut Case) -> Result<(), Stop> {
    let mut elections = Elections::anywhere(case).await?;
    let mut stopped = elections.fall(case, Fall::Cut).await;
    while elections.fallen() < FALLS && stopped.is_ok() {
        stopped = elections.next(case).await;
    }
    let mut shown = vec![Vec::new(); case.nodes()];
    for term in elections.views.terms() {
        shown[term.index].push(term.epoch);
    }
    ensure_no_way_back(&shown)?;
    stopped?;
    elections.note(case)
}

fn ensure_no_way_back(shown: &[Vec<Epoch>]) -> Result<(), Stop> {
    for epochs in shown {
        let way_back = epochs.windows(2).find(|pair| pair[1] < pair[0]);
        ensure!(
            way_back.is_none(),
            "a node showed one epoch and later a lower one: {way_back:?}"
        );
    }
    Ok(())
}

/// Notes the epochs of all states that the streams have ready.
fn look(views: &mut [LeadershipStream], shown: &mut [Vec<Epoch>]) {
    for (states, epochs) in views.iter_mut().zip(shown) {
        while let Some(Some(state)) = unconstrained(states.next()).now_or_never() {
            epochs.extend(state.leading_epoch());
        }
    }
}

/// The epoch that the leader's node shows to a new subscriber.
async fn shown_first(
    case: &Case,
    cluster: &Cluster,
    leader: &Leader,
) -> Result<Option<Epoch>, Stop> {
    let driver = cluster.nodes()[leader.index].driver()?;
    let mut states = driver.leadership_events();
    let first = case
        .brief_patience()
        .wait_for("the first item of a subscription", states.next())
        .await?;
    Ok(first.and_then(|state| state.leading_epoch()))
}
