//! A store belongs to one list of members, and a start that is dropped on its way leaves nothing behind
//! that is in the way of the next one.
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
struct Silence {
    _told: oneshot::Sender<()>,
}

impl MessageSink<StandaloneEntry> for Silence {
    fn send(&mut self, _: u64, _: Frame<StandaloneEntry>) {}
}

/// Node 1 of these members.
fn builder(dir: &Path, members: &[(u64, String)]) -> NodeBuilder<StandaloneMachine> {
    let member = |(node, endpoint): &(u64, String)| Member {
        node: *node,
        peer_endpoint: endpoint.clone(),
        service_endpoint: format!("node-{node}:8000"),
    };
    let members: Vec<_> = members.iter().map(member).collect();
    let builder = StandaloneHost::builder(42, 1, dir).members(&members);
    builder.machine(StandaloneMachine::default())
}

/// Members with addresses that are free.
fn members<const N: usize>(pids: [u64; N]) -> Vec<(u64, String)> {
    let held = pids.map(|pid| (pid, TcpListener::bind("127.0.0.1:0").unwrap()));
    let address = |(pid, listener): &(u64, TcpListener)| {
        let address = listener.local_addr().unwrap();
        (*pid, address.to_string())
    };
    held.iter().map(address).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_is_free_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let members = members([1, 2, 3]);
    for after in 0..30 {
        let start = builder(dir.path(), &members).start();
        // Dropped further and further on its way, unless it was faster.
        drop(timeout(Duration::from_millis(after), start).await);
    }
    let again = async {
        loop {
            match builder(dir.path(), &members).start().await {
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
    let members = members([1, 2, 3]);
    for _ in 0..20 {
        let (told, gone) = oneshot::channel();
        let silence = Silence { _told: told };
        let builder = builder(dir.path(), &members);
        let start = builder.start_on(1, MemoryDisk::default().open(), silence);
        // Most are not done when they are looked at once. One that is has a host that is dropped.
        drop(Box::pin(start).now_or_never());
        timeout(SOON, gone).await.unwrap().unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_list_of_members_is_refused_and_the_first_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let start = |members: Vec<_>| builder(dir.path(), &members).start();
    let host = start(members([1, 2, 3])).await.unwrap();
    host.shutdown(SOON).await.unwrap();
    for other in [
        members([1, 2, 3, 4, 5]),
        members([1, 4, 5]),
        members([1, 2]),
    ] {
        let Err(ConsensusError::Permanent(why)) = start(other).await else {
            panic!("it was not refused");
        };
        let cause = why.cause().downcast_ref();
        assert!(
            matches!(cause, Some(PaxosNodeError::OtherMembers { .. })),
            "{why}"
        );
        assert!(why.to_string().contains("1, 2, 3"), "{why}");
    }
    let host = start(members([3, 2, 1])).await.unwrap();
    host.shutdown(SOON).await.unwrap();
}
