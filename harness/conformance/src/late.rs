//! Commands that reach the log after their epoch.

use std::time::Duration;

use tsoracle_consensus::AdvancePayload;
use tsoracle_testbed::{Cluster, Leader};

use crate::Stop;
use crate::case::Case;
use crate::service::newest_leader;

const RETRY: Duration = Duration::from_millis(1);

/// Puts a command into the log of whoever leads, under an epoch that somebody else had, and waits
/// until it is applied there; with another leader again, if leadership moves meanwhile.
pub(crate) async fn inject(
    case: &Case,
    cluster: &Cluster,
    payload: AdvancePayload,
) -> Result<Leader, Stop> {
    let applied = async {
        loop {
            let later = newest_leader(cluster).filter(|leader| leader.epoch > payload.epoch);
            if let Some(leader) = later {
                let Some(inject) = cluster.nodes()[leader.index].hooks()?.inject else {
                    return Err(Stop::Invalid("the hook inject is gone".into()));
                };
                let patience = case.call_patience();
                let done = patience.wait_for("the end of a hook", inject(payload));
                if done.await?.is_ok() {
                    return Ok(leader);
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    let patience = case.election_patience();
    patience
        .wait_for("a late command to be applied", applied)
        .await?
}
