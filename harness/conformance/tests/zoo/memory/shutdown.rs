//! S3: shutdowns that hang, harm, or leave something behind.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use tsoracle_consensus::{ConsensusError, Epoch, LeadershipStream};
use tsoracle_testbed::{Backend, Node, NodeSpec, Time};

use super::spoiled::{Defect, Life, exhibit, lock, yield_times};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<NeverReturns>(),
        exhibit::<SecondFails>(),
        exhibit::<SecondHangs>(),
        exhibit::<SecondHitsSuccessor>(),
        exhibit::<HeldByHandles>(),
        exhibit::<WaitsForReaders>(),
        exhibit::<HangsWhenBusy>(),
        exhibit::<DropsCalls>(),
        exhibit::<KeepsPort>(),
    ]
}

/// A thread is joined that waits for the one who joins it.
#[derive(Default)]
struct NeverReturns;

#[async_trait]
impl Defect for NeverReturns {
    const NAME: &'static str = "shutdown_never_returns";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_back",
        "clock_jump_forward",
        "concurrent_history_is_linearizable",
        "epochs_never_decrease",
        "fresh_store_loads_zero",
        "leases_never_overlap",
        "load_after_restart_is_not_stale",
        "load_after_shutdown_refuses",
        "load_sees_all_acknowledged_after_failover",
        "one_refusal_per_situation",
        "out_of_range_is_refused",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "resubscribe_many_times",
        "same_node_again_new_epoch",
        "second_open_fails",
        "shutdown_is_bounded",
        "stale_epoch_same_node",
        "start_after_stop",
        "stop_twice",
        "stop_while_busy",
        "stream_ends_at_shutdown",
        "timestamps_are_realtime_ordered",
        "unheld_epoch_is_refused",
    ];
    type Store = ();

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        life.node.shutdown().await?;
        std::future::pending().await
    }
}

/// The second shutdown finds nothing to shut down, and complains.
#[derive(Default)]
struct SecondFails(AtomicBool);

#[async_trait]
impl Defect for SecondFails {
    const NAME: &'static str = "shutdown_twice_is_an_error";
    const FAILS: &'static [&'static str] = &["stop_twice"];
    type Store = ();

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        if life.defect.0.swap(true, Ordering::SeqCst) {
            return Err(ConsensusError::permanent("this node was shut down"));
        }
        life.node.shutdown().await
    }
}

/// The second shutdown waits for a signal that went to the first.
#[derive(Default)]
struct SecondHangs(AtomicBool);

#[async_trait]
impl Defect for SecondHangs {
    const NAME: &'static str = "shutdown_twice_hangs";
    const FAILS: &'static [&'static str] = &["stop_twice"];
    type Store = ();

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        if life.defect.0.swap(true, Ordering::SeqCst) {
            return std::future::pending().await;
        }
        life.node.shutdown().await
    }
}

/// A lock that is known by its path is let go a second time, when somebody else has it.
#[derive(Default)]
struct SecondHitsSuccessor;

#[async_trait]
impl Defect for SecondHitsSuccessor {
    const NAME: &'static str = "shutdown_twice_hits_the_successor";
    const FAILS: &'static [&'static str] = &["stop_twice"];
    type Store = Mutex<Option<Arc<dyn Node>>>;

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        *lock(&life.store) = Some(Arc::clone(&life.node));
        Ok(())
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let newest = lock(&life.store).take();
        match newest {
            Some(newest) => newest.shutdown().await,
            None => life.node.shutdown().await,
        }
    }
}

/// The store is let go when the last handle is, not before.
#[derive(Default)]
struct HeldByHandles(Arc<()>);

#[async_trait]
impl Defect for HeldByHandles {
    const NAME: &'static str = "shutdown_leaves_the_store_to_its_handles";
    const FAILS: &'static [&'static str] = &[
        "cancelled_persist_is_legal",
        "clock_jump_back",
        "clock_jump_forward",
        "fresh_store_loads_zero",
        "leases_never_overlap",
        "load_after_restart_is_not_stale",
        "load_after_shutdown_refuses",
        "load_sees_all_acknowledged_after_failover",
        "one_refusal_per_situation",
        "out_of_range_is_refused",
        "persist_returns_maximum",
        "random_orders_never_regress",
        "same_node_again_new_epoch",
        "stale_epoch_same_node",
        "start_after_stop",
        "stop_twice",
        "stop_while_busy",
        "timestamps_are_realtime_ordered",
        "unheld_epoch_is_refused",
    ];
    type Store = Mutex<Weak<()>>;

    async fn open(
        honest: &dyn Backend,
        spec: NodeSpec,
        store: &Arc<Self::Store>,
    ) -> Result<Arc<dyn Node>, ConsensusError> {
        if lock(store).upgrade().is_some() {
            let holder = std::process::id();
            let refusal = format!("the store is held by process {holder}");
            return Err(ConsensusError::permanent(refusal));
        }
        honest.start(spec).await
    }

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        *lock(&life.store) = Arc::downgrade(&life.defect.0);
        Ok(())
    }
}

/// A shutdown waits until every reader has read to the end.
#[derive(Default)]
struct WaitsForReaders(Arc<AtomicU64>);

struct Reader(Arc<AtomicU64>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Defect for WaitsForReaders {
    const NAME: &'static str = "shutdown_waits_for_readers";
    const FAILS: &'static [&'static str] = &[
        "epochs_never_decrease",
        "resubscribe_many_times",
        "shutdown_is_bounded",
        "start_after_stop",
        "stream_ends_at_shutdown",
    ];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        life.defect.0.fetch_add(1, Ordering::SeqCst);
        let mut reader = Some(Reader(Arc::clone(&life.defect.0)));
        let states = life.honest.leadership_events();
        states
            .inspect(move |state| {
                if state.leading_epoch().is_none() {
                    reader.take();
                }
            })
            .boxed()
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        life.node.shutdown().await?;
        while life.defect.0.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// Counts the calls that are under way.
struct UnderWay(Arc<AtomicU64>, u64);

impl UnderWay {
    fn one_more(count: &Arc<AtomicU64>) -> Self {
        let before = count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count), before)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A shutdown that meets two calls deadlocks.
#[derive(Default)]
struct HangsWhenBusy(Arc<AtomicU64>);

#[async_trait]
impl Defect for HangsWhenBusy {
    const NAME: &'static str = "shutdown_hangs_when_busy";
    const FAILS: &'static [&'static str] =
        &["concurrent_history_is_linearizable", "stop_while_busy"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let _under_way = UnderWay::one_more(&life.defect.0);
        yield_times(3).await;
        life.honest.persist_high_water(at_least, epoch).await
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let met = life.defect.0.load(Ordering::SeqCst);
        life.node.shutdown().await?;
        if met >= 2 {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// Calls that stand in line at a shutdown are forgotten.
#[derive(Default)]
struct DropsCalls(Arc<AtomicU64>);

#[async_trait]
impl Defect for DropsCalls {
    const NAME: &'static str = "shutdown_forgets_calls_in_line";
    const FAILS: &'static [&'static str] =
        &["concurrent_history_is_linearizable", "stop_while_busy"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let led = life.epoch().is_some();
        let under_way = UnderWay::one_more(&life.defect.0);
        yield_times(3).await;
        if led && life.epoch().is_none() && under_way.1 > 0 {
            return std::future::pending().await;
        }
        life.honest.persist_high_water(at_least, epoch).await
    }
}

/// The listener is never closed.
#[derive(Default)]
struct KeepsPort;

#[async_trait]
impl Defect for KeepsPort {
    const NAME: &'static str = "shutdown_keeps_its_port";
    const FAILS: &'static [&'static str] = &["shutdown_is_bounded"];
    type Store = Mutex<Option<TcpListener>>;

    /// It has a real port.
    fn time() -> Time {
        Time::Real
    }

    async fn begin(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        let mut listener = lock(&life.store);
        if listener.is_none() {
            let bound = TcpListener::bind(life.node.service_endpoint());
            *listener = Some(bound.map_err(ConsensusError::permanent)?);
        }
        Ok(())
    }
}
