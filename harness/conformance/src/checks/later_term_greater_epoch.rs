//! L2: a term that is shown later in real time, on whichever node, has a strictly greater epoch.

use futures_util::FutureExt;
use tsoracle_consensus::Epoch;
use tsoracle_testbed::Placement;

use crate::case::Case;
use crate::elections::{Elections, Fall};
use crate::verdict::{ensure, guard};
use crate::views::Views;
use crate::{Check, Level, Need, Stop};

const FALLS: u64 = 8;

pub(super) const CHECK: Check = Check {
    name: "later_term_greater_epoch",
    clause: "L2",
    level: Level::Cluster,
    needs: &[Need::Links],
    run: |case| run(case).boxed(),
};

async fn run(case: &mut Case) -> Result<(), Stop> {
    let mut elections = Elections::begin(case, Placement::InProcess).await?;
    let mut highest = elections.leader.epoch;
    let mut later_terms = 0;
    while elections.fallen() < FALLS {
        highest = highest.max(elections.leader.epoch);
        // The first state of a new stream is the present one; what it shows next comes later.
        elections.views = Views::of(&elections.cluster)?;
        let stopped = match elections.fallen() {
            0 => elections.fall(case, Fall::Cut).await,
            _ => elections.next(case).await,
        };
        later_terms += ensure_later_is_greater(&elections, highest)?;
        stopped?;
    }
    guard!(
        later_terms >= FALLS / 2,
        "{FALLS} leaders fell, and {later_terms} terms began"
    );
    case.count("terms after a fall", later_terms);
    elections.note(case)
}

/// Returns how many terms began since the streams were opened.
fn ensure_later_is_greater(elections: &Elections, highest: Epoch) -> Result<u64, Stop> {
    let mut later_terms = 0;
    for term in elections.views.terms() {
        if term.may_be_old {
            continue;
        }
        ensure!(
            term.epoch > highest,
            "epoch {highest} was shown, and a term that node {} began later has epoch {}",
            term.index + 1,
            term.epoch
        );
        later_terms += 1;
    }
    Ok(later_terms)
}
