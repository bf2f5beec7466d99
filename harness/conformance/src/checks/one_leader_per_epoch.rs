//! L2: over many elections, caused by cuts, crashes, restarts, freezes and rivals, no epoch is ever
//! shown as `Leader` by two nodes.

use std::collections::BTreeMap;

use futures_util::FutureExt;

use crate::case::Case;
use crate::elections::{Elections, Fall};
use crate::verdict::{ensure, guard};
use crate::views::Views;
use crate::{Check, Level, Need, Stop};

const FALLS: u64 = 10;

pub(super) const CHECK: Check = Check {
    name: "one_leader_per_epoch",
    clause: "L2",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut elections = Elections::anywhere(case).await?;
    elections.fall(case, Fall::Cut).await?;
    let mut stopped = Ok(());
    while elections.fallen() < FALLS && stopped.is_ok() {
        stopped = elections.next(case).await;
    }
    // A shared epoch is a better reason than what it led to.
    let epochs = ensure_one_leader_each(&elections.views)?;
    stopped?;
    let terms = elections.views.terms().len() as u64;
    guard!(
        terms >= FALLS / 2,
        "{FALLS} leaders fell, and only {terms} terms were shown"
    );
    case.count("terms", terms);
    case.count("epochs", epochs);
    elections.note(case)
}

/// Returns how many epochs there were.
fn ensure_one_leader_each(views: &Views) -> Result<u64, Stop> {
    let mut leaders = BTreeMap::new();
    for term in views.terms() {
        let first = *leaders.entry(term.epoch).or_insert(term.index);
        ensure!(
            first == term.index,
            "nodes {} and {} were both shown as leaders of epoch {}",
            first + 1,
            term.index + 1,
            term.epoch
        );
    }
    Ok(leaders.len() as u64)
}
