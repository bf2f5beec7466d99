//! L4: when a driver shuts down, every stream delivers the last state and ends: streams that were
//! read, streams that were not, and streams that are opened afterwards; those of a follower while
//! its leader goes on, and those of leader and followers with the quorum gone.

use std::time::Duration;

use futures_util::future::ready;
use futures_util::{FutureExt, StreamExt};
use tsoracle_consensus::{LeaderState, LeadershipStream};
use tsoracle_testbed::{Cluster, Leader, Links, Patience};

use crate::case::Case;
use crate::verdict::{ensure, guard};
use crate::{Check, Level, Stop};

const STREAMS: usize = 4;
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(super) const CHECK: Check = Check {
    name: "stream_ends_at_shutdown",
    clause: "L4",
    level: Level::Both,
    needs: &[],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    let read = open_streams(&leader);
    let unread = open_streams(&leader);
    // The shutdown has a limit of its own before the streams' begins.
    let patience = case.patience(case.timing().deadline * 2);
    let mut reading = Vec::new();
    for mut states in read {
        let first = case.brief_patience();
        first.wait_for("the first item", states.next()).await?;
        reading.push(tokio::spawn(last_state(patience, states)));
    }
    case.shut_down(&mut cluster).await?;
    for last in reading {
        ensure_shows_the_end(last.await??.as_ref())?;
    }
    for states in unread {
        let last = last_state(case.call_patience(), states).await?;
        ensure_shows_the_end(last.as_ref())?;
    }
    ensure_late_stream_ends(case, leader.driver.leadership_events()).await?;
    case.count("streams that ended", 2 * STREAMS as u64 + 1);
    if case.nodes() > 1 {
        one_after_the_other(case, false).await?;
        if case.capabilities().links != Links::None {
            one_after_the_other(case, true).await?;
        }
    }
    Ok(())
}

/// Followers go first, so that the quorum is gone before the leader goes; if it is cut off, the
/// quorum is gone for it from the beginning.
async fn one_after_the_other(case: &mut Case, cut_off: bool) -> Result<(), Stop> {
    let mut cluster = case.cluster().await?;
    let leader = case.leader(&cluster).await?;
    if cut_off {
        cluster.isolate(leader.index).await?;
        wait_for_lost_frames(case, &cluster, leader.index).await?;
    }
    let mut places = case.others(leader.index);
    places.push(leader.index);
    for index in places {
        ensure_streams_end(case, &mut cluster, index).await?;
        case.count("streams that ended", 3);
    }
    Ok(())
}

async fn wait_for_lost_frames(case: &Case, cluster: &Cluster, index: usize) -> Result<(), Stop> {
    let patience = case.election_patience();
    while cluster.disturbed_around(index).await? == 0 {
        guard!(
            !patience.left().is_zero(),
            "no frame of node {} was lost",
            index + 1
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// One that was read, one that was not, and one that is opened afterwards.
async fn ensure_streams_end(case: &Case, cluster: &mut Cluster, index: usize) -> Result<(), Stop> {
    let node = cluster.node_mut(index)?;
    let driver = node.driver()?;
    let (mut read, unread) = (driver.leadership_events(), driver.leadership_events());
    let first = case.brief_patience();
    first.wait_for("the first item", read.next()).await?;
    let patience = case.patience(case.timing().deadline * 2);
    let reading = tokio::spawn(last_state(patience, read));
    let shutdown = node.shutdown();
    let patience = case.call_patience();
    patience
        .wait_for("the end of a shutdown", shutdown)
        .await??;
    let read = reading.await??;
    let unread = last_state(case.call_patience(), unread).await?;
    for last in [read, unread].iter().flatten() {
        ensure_shows_the_end(Some(last))?;
    }
    ensure_late_stream_ends(case, driver.leadership_events()).await
}

fn open_streams(leader: &Leader) -> Vec<LeadershipStream> {
    let open = |_| leader.driver.leadership_events();
    (0..STREAMS).map(open).collect()
}

fn ensure_shows_the_end(last: Option<&LeaderState>) -> Result<(), Stop> {
    ensure!(
        last.is_some_and(|state| state.leading_epoch().is_none()),
        "a stream ended, and the last state that it had shown was {last:?}"
    );
    Ok(())
}

async fn last_state(
    patience: Patience,
    states: LeadershipStream,
) -> Result<Option<LeaderState>, Stop> {
    let last = states.fold(None, |_, state| ready(Some(state)));
    Ok(patience.wait_for("the end of a stream", last).await?)
}

async fn ensure_late_stream_ends(case: &Case, states: LeadershipStream) -> Result<(), Stop> {
    let all = case
        .call_patience()
        .wait_for("the end of a late stream", states.collect::<Vec<_>>())
        .await?;
    ensure!(
        all.iter().all(|state| state.leading_epoch().is_none()),
        "a stream that was opened after the shutdown showed {all:?}"
    );
    Ok(())
}
