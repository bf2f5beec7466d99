//! A start that is dropped on its way leaves nothing behind that is in the way of the next one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tsoracle_consensus::{ConsensusError, Failure, Member};
use tsoracle_driver_paxos::{NodeBuilder, StandaloneEntry, StandaloneHost, StandaloneMachine};
use tsoracle_paxos_toolkit::fakes::MemoryDisk;
use tsoracle_paxos_toolkit::{Frame, MessageSink, PaxosNodeError};

/// Of a wait that ends soon, however slow the machine is.
const SOON: Duration = Duration::from_secs(20);

/// Nobody hears anything; tells when it is gone.
struct Silence(#[allow(dead_code, reason = "dropped with the sink")] oneshot::Sender<()>);

impl MessageSink<StandaloneEntry> for Silence {
    fn send(&mut self, _: u64, _: Frame<StandaloneEntry>) {}
}

fn builder(dir: &Path, endpoints: &[String]) -> NodeBuilder<StandaloneMachine> {
    let member = |(node, endpoint): (u64, &String)| Member {
        node,
        peer_endpoint: endpoint.clone(),
        service_endpoint: format!("node-{node}:8000"),
    };
    let members: Vec<_> = (1..).zip(endpoints).map(member).collect();
    let builder = StandaloneHost::builder(42, 1, dir).members(&members);
    builder.machine(StandaloneMachine::default())
}

fn endpoints() -> Vec<String> {
    let held: Vec<_> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let endpoint = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
    held.iter().map(endpoint).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_is_free_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let endpoints = endpoints();
    for after in 0..30 {
        let start = builder(dir.path(), &endpoints).start();
        // Dropped further and further on its way, unless it was faster.
        drop(timeout(Duration::from_millis(after), start).await);
    }
    let again = async {
        loop {
            match builder(dir.path(), &endpoints).start().await {
                Ok(host) => return host,
                Err(ConsensusError::Permanent(why)) if is_in_use(&why) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let host = timeout(SOON, again).await.unwrap();
    host.shutdown(SOON).await.unwrap();
}

/// Whether a start before has not let the store or the port go yet.
fn is_in_use(why: &Failure) -> bool {
    matches!(
        why.cause().downcast_ref(),
        Some(PaxosNodeError::Store(_) | PaxosNodeError::Links(_))
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_nobody_waits_for_ends() {
    let dir = tempfile::tempdir().unwrap();
    let endpoints = endpoints();
    for _ in 0..20 {
        let (held, gone) = oneshot::channel();
        let builder = builder(dir.path(), &endpoints);
        let start = builder.start_on(1, MemoryDisk::default().open(), Silence(held));
        // Most are not done when they are looked at once. One that is has a host that is dropped.
        drop(Box::pin(start).now_or_never());
        timeout(SOON, gone).await.unwrap().unwrap_err();
    }
}
