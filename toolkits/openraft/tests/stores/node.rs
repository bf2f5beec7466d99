//! A node as a service starts it: what it refuses, and how it lets go.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use openraft::BasicNode;
use tokio::time::{Instant, sleep};
use tsoracle_openraft_toolkit::{Begin, GroupTimes, RaftNode, RaftNodeSettings};
use tsoracle_peer_transport::{PeerId, Refusal};

use crate::common::{Joined, Place, Texts};

type JoinedNode = RaftNode<Texts, Joined>;

/// For what should come about, however slow the machine is.
const SOON: Duration = Duration::from_secs(30);

fn settings(node: u64, dir: &Path, others: &[(u64, &str)]) -> RaftNodeSettings<BasicNode> {
    let own = (node, "127.0.0.1:0");
    let founders: BTreeMap<u64, BasicNode> = others
        .iter()
        .chain([&own])
        .map(|(id, address)| (*id, BasicNode::new(*address)))
        .collect();
    RaftNodeSettings {
        begin: Begin::With(founders),
        ..RaftNodeSettings::new(7, node, dir)
    }
}

async fn start(settings: RaftNodeSettings<BasicNode>) -> JoinedNode {
    let node = JoinedNode::start(settings, Joined::default()).await;
    node.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_other_times_is_refused_with_the_reason() {
    let (place, other) = (Place::new(), Place::new());
    let one = start(settings(1, &place.data(), &[(2, "127.0.0.1:1")])).await;
    let address = one.transport().endpoint().to_owned();
    let times = GroupTimes {
        election_max: GroupTimes::default().election_max * 2,
        ..GroupTimes::default()
    };
    let two = RaftNodeSettings {
        times,
        ..settings(2, &other.data(), &[(1, &address)])
    };
    let two = start(two).await;
    let limit = Instant::now() + SOON;
    let refusal = loop {
        let refusals = one.transport().refusals();
        if let Some(refused) = refusals.into_iter().find(|it| it.peer == Some(PeerId(2))) {
            break refused.refusal;
        }
        assert!(Instant::now() < limit, "it was never refused");
        sleep(Duration::from_millis(1)).await;
    };
    assert!(matches!(refusal, Refusal::Timing { .. }), "{refusal:?}");
    one.shutdown(SOON).await.unwrap();
    two.shutdown(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_dropped_lets_go_of_store_and_port() {
    let place = Place::new();
    let mut settings = settings(1, &place.data(), &[]);
    let first = start(settings.clone()).await;
    first
        .raft()
        .wait(Some(SOON))
        .current_leader(1, "it leads")
        .await
        .unwrap();
    let written = first.raft().client_write("kept".to_owned()).await;
    assert_eq!(written.unwrap().data, 4);
    settings.listen = first.transport().endpoint().to_owned();
    drop(first);
    let limit = Instant::now() + SOON;
    let second = loop {
        match JoinedNode::start(settings.clone(), Joined::default()).await {
            Ok(node) => break node,
            Err(error) => assert!(Instant::now() < limit, "it is still held: {error}"),
        }
        sleep(Duration::from_millis(5)).await;
    };
    let written = second
        .raft()
        .wait(Some(SOON))
        .current_leader(1, "it leads again")
        .await;
    written.unwrap();
    let written = second.raft().client_write("!".to_owned()).await;
    assert_eq!(written.unwrap().data, 5);
    second.shutdown(SOON).await.unwrap();
}
