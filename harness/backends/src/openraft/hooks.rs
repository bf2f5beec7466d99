//! The suite's ways into openraft.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftMetrics;
use tokio::time::timeout;
use tsoracle_consensus::ConsensusError;
use tsoracle_driver_openraft::{
    CarriesHighWater, HighWaterCommand, NodeHost, OpenraftHighWaterHost,
};
use tsoracle_openraft_toolkit::RaftTypes;
use tsoracle_testbed::{Hook, Hooks};

/// How long the engine has for what a hook asks.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn hooks<M: CarriesHighWater>(host: &Arc<NodeHost<M>>) -> Hooks {
    Hooks {
        hold_apply: Some(hook(host, |host, held| async move {
            host.node().machine().hold(held);
            Ok(())
        })),
        inject: Some(hook(host, |host, payload| async move {
            let command = host.command(HighWaterCommand(payload));
            let written = host.lifecycle().raft().client_write(command).await;
            written.map(drop).map_err(ConsensusError::transient)
        })),
        snapshot_now: Some(hook(
            host,
            |host, ()| async move { snapshot_now(&*host).await },
        )),
        purge_now: Some(hook(
            host,
            |host, ()| async move { purge_now(&*host).await },
        )),
        campaign: Some(hook(host, |host, ()| async move {
            let elected = host.lifecycle().raft().trigger().elect(true).await;
            elected.map_err(ConsensusError::transient)
        })),
    }
}

fn hook<M, A, F>(
    host: &Arc<NodeHost<M>>,
    act: impl Fn(Arc<NodeHost<M>>, A) -> F + Send + Sync + 'static,
) -> Hook<A>
where
    M: CarriesHighWater,
    F: Future<Output = Result<(), ConsensusError>> + Send + 'static,
{
    let host = Arc::clone(host);
    Arc::new(move |argument| act(Arc::clone(&host), argument).boxed())
}

async fn snapshot_now<M: CarriesHighWater>(host: &NodeHost<M>) -> Result<(), ConsensusError> {
    let raft = host.lifecycle().raft();
    let applied = raft.metrics().borrow_watched().last_applied;
    let asked = raft.trigger().snapshot().await;
    asked.map_err(ConsensusError::transient)?;
    reached(host, "a snapshot", move |metrics| {
        metrics.snapshot >= applied
    })
    .await
}

async fn purge_now<M: CarriesHighWater>(host: &NodeHost<M>) -> Result<(), ConsensusError> {
    let raft = host.lifecycle().raft();
    let snapshot = raft.metrics().borrow_watched().snapshot;
    let Some(upto) = snapshot else {
        return Err(ConsensusError::transient(
            "there is no snapshot to purge up to",
        ));
    };
    let asked = raft.trigger().purge_log(upto.index).await;
    asked.map_err(ConsensusError::transient)?;
    reached(host, "a purge", move |metrics| metrics.purged >= Some(upto)).await
}

async fn reached<M: CarriesHighWater>(
    host: &NodeHost<M>,
    what: &str,
    done: impl Fn(&RaftMetrics<M::Types>) -> bool,
) -> Result<(), ConsensusError>
where
    M::Types: RaftTypes,
{
    let mut metrics = host.lifecycle().raft().metrics();
    let wait = async {
        loop {
            if done(&metrics.borrow_and_update()) {
                return Ok(());
            }
            let changed = metrics.changed().await;
            changed.map_err(|_| ConsensusError::transient("the engine has stopped"))?;
        }
    };
    let late = |_| {
        Err(ConsensusError::transient(format!(
            "{what} is not done within {LIMIT:?}"
        )))
    };
    timeout(LIMIT, wait).await.unwrap_or_else(late)
}
