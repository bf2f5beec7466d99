//! L4: when a driver shuts down, every stream delivers the last state and ends: streams that were
//! read, streams that were not, and streams that are opened afterwards.

use futures_util::future::{ready, try_join_all};
use futures_util::{FutureExt, StreamExt};
use tsoracle_consensus::{LeaderState, LeadershipStream};
use tsoracle_testbed::Patience;

use crate::case::Case;
use crate::verdict::ensure;
use crate::{Check, Level, Stop};

const STREAMS: usize = 8;

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
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        let mut states = leader.driver.leadership_events();
        // Every other one is left unread until the end.
        if number % 2 == 0 {
            let first = case.brief_patience();
            first.wait_for("the first item", states.next()).await?;
        }
        streams.push(states);
    }
    // The shutdown has a limit of its own before the streams' begins.
    let patience = case.patience(case.timing().deadline * 2);
    let ends = streams
        .into_iter()
        .map(|states| last_state(patience, states));
    let waiting = tokio::spawn(try_join_all(ends));
    case.shut_down(&mut cluster).await?;
    for last in waiting.await?? {
        ensure!(
            last.is_some_and(|state| state.leading_epoch().is_none()),
            "a stream ended without showing that leadership had"
        );
    }
    ensure_late_stream_ends(case, leader.driver.leadership_events()).await?;
    case.count("streams that ended", STREAMS as u64 + 1);
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
