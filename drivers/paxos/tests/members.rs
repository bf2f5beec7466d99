//! A store belongs to one list of members.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tsoracle_consensus::{ConsensusError, Member};
use tsoracle_driver_paxos::{NodeHost, StandaloneHost, StandaloneMachine};
use tsoracle_paxos_toolkit::PaxosNodeError;

/// Of a wait that ends soon, however slow the machine is.
const SOON: Duration = Duration::from_secs(20);

async fn start(dir: &Path, members: &[u64]) -> Result<NodeHost<StandaloneMachine>, ConsensusError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    drop(listener);
    let member = |node: &u64| Member {
        node: *node,
        peer_endpoint: if *node == 1 {
            own.clone()
        } else {
            format!("127.0.0.{node}:1")
        },
        service_endpoint: format!("node-{node}:8000"),
    };
    let members: Vec<_> = members.iter().map(member).collect();
    let builder = StandaloneHost::builder(42, 1, dir).members(&members);
    builder.machine(StandaloneMachine::default()).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_list_is_refused_and_the_old_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let host = start(dir.path(), &[1, 2, 3]).await.unwrap();
    host.shutdown(SOON).await.unwrap();
    for other in [&[1, 2, 3, 4, 5][..], &[1, 4, 5], &[1, 2]] {
        let Err(ConsensusError::Permanent(why)) = start(dir.path(), other).await else {
            panic!("{other:?} was not refused");
        };
        let cause = why.cause().downcast_ref();
        assert!(
            matches!(cause, Some(PaxosNodeError::OtherMembers { .. })),
            "{why}"
        );
        assert!(why.to_string().contains("1, 2, 3"), "{why}");
    }
    let host = start(dir.path(), &[3, 2, 1]).await.unwrap();
    host.shutdown(SOON).await.unwrap();
}
