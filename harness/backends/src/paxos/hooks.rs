//! The suite's ways into OmniPaxos.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tsoracle_consensus::{AdvancePayload, ConsensusError};
use tsoracle_driver_paxos::{HighWaterCommand, PaxosHighWaterHost};
use tsoracle_testbed::{Hook, Hooks};

/// How long the engine has for what a hook asks.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn hooks<H: PaxosHighWaterHost>(host: &Arc<H>) -> Hooks {
    Hooks {
        hold_apply: Some(hook(host, |host, held| async move {
            let asked = host.handle().hold_decided(held, LIMIT).await;
            asked.map_err(ConsensusError::transient)
        })),
        inject: Some(hook(host, |host, payload| async move {
            inject(&*host, payload).await
        })),
        snapshot_now: Some(hook(host, |host, ()| async move { compact(&*host).await })),
        // What a snapshot covers is dropped with it.
        purge_now: Some(hook(host, |host, ()| async move { compact(&*host).await })),
        campaign: Some(hook(host, |host, ()| async move {
            host.handle().campaign();
            Ok(())
        })),
    }
}

fn hook<H, A, F>(host: &Arc<H>, act: impl Fn(Arc<H>, A) -> F + Send + Sync + 'static) -> Hook<A>
where
    H: PaxosHighWaterHost,
    F: Future<Output = Result<(), ConsensusError>> + Send + 'static,
{
    let host = Arc::clone(host);
    Arc::new(move |argument| act(Arc::clone(&host), argument).boxed())
}

async fn inject<H: PaxosHighWaterHost>(
    host: &H,
    payload: AdvancePayload,
) -> Result<(), ConsensusError> {
    let leads = host.handle().leadership().borrow().leads();
    let ballot = leads.ok_or_else(|| ConsensusError::transient("this node does not lead"))?;
    let entry = |request| host.entry(HighWaterCommand(payload), request);
    let appended = host.handle().append(ballot, entry, LIMIT).await;
    appended.map(drop).map_err(ConsensusError::transient)
}

async fn compact<H: PaxosHighWaterHost>(host: &H) -> Result<(), ConsensusError> {
    let compacted = host.handle().snapshot(None, LIMIT).await;
    compacted.map(drop).map_err(ConsensusError::transient)
}
