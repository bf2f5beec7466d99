//! The gate, asked by a node that is no member and would like to lead.

use std::sync::Arc;
use std::time::Duration;

use openraft::network::RPCOption;
use openraft::raft::VoteRequest;
use openraft::{RaftNetworkFactory, RaftNetworkV2};
use tokio::time::Instant;
use tsoracle_lease::Stored;
use tsoracle_openraft_toolkit::{
    Client, GroupTimes, Keeper, KeeperSettings, LeaderId, LogId, Network, NetworkSettings, Vote,
};
use tsoracle_peer_transport::{LinkStatus, PeerId, Transport};

use crate::common::node::{GROUP, settings};
use crate::common::{Cluster, Numbers, Options, SOON, address, until};

const INTRUDER: u64 = 5;

/// A node without an engine: its own gate is open, so that only the other's counts.
struct Intruder {
    network: Network,
    keeper: Keeper,
}

impl Intruder {
    fn start(cluster: &Cluster) -> Self {
        let options = Options::default();
        let listener = cluster.network.bind(&format!("node-{INTRUDER}")).unwrap();
        let settings = settings(INTRUDER, &options);
        let transport = Transport::start(settings, listener, cluster.network.clone()).unwrap();
        let timing = GroupTimes::default().lease().unwrap();
        let stored = Stored {
            promise: None,
            admitted: None,
            longest: timing.grant(),
        };
        let mut keeper = KeeperSettings::new(INTRUDER, GROUP, transport.clone(), timing, stored);
        keeper.clock = Arc::new(cluster.leases.clock);
        Self {
            keeper: Keeper::start(keeper).unwrap(),
            network: Network::new(transport, NetworkSettings::default()),
        }
    }

    async fn client(&self, target: u64) -> Client<Numbers> {
        let mut group = self.network.group(INTRUDER, GROUP, self.keeper.clone());
        group.new_client(target, &address(target)).await
    }
}

/// A request that openraft itself would grant: the newest log, and leave of the leader.
fn request(term: u64) -> VoteRequest<Numbers> {
    let log = LogId::new(
        LeaderId {
            term: 1_000,
            node_id: INTRUDER,
        },
        1_000_000,
    );
    let mut request = VoteRequest::new(Vote::new(term, INTRUDER), Some(log));
    request.leadership_transfer = true;
    request
}

fn follower(cluster: &Cluster, leader: u64) -> u64 {
    *cluster.nodes.keys().find(|node| **node != leader).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_pre_vote_is_refused_at_once_under_a_grant() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let intruder = Intruder::start(&cluster);
    for target in [leader, follower(&cluster, leader)] {
        let mut client = intruder.client(target).await;
        let asked = Instant::now();
        let answer = client
            .pre_vote(request(90), RPCOption::new(SOON))
            .await
            .unwrap();
        assert!(!answer.vote_granted);
        assert!(
            asked.elapsed() < Duration::from_millis(50),
            "{:?}",
            asked.elapsed()
        );
    }
    assert!(cluster.nodes[&leader].keeper.is_valid());
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_vote_waits_for_the_grant_and_passes_after_it() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let target = follower(&cluster, leader);
    let intruder = Intruder::start(&cluster);
    let mut client = intruder.client(target).await;
    // The link is up, and an old ballot is never held.
    let asked = Instant::now();
    let old = client.vote(request(0), RPCOption::new(SOON)).await.unwrap();
    assert!(!old.vote_granted);
    assert!(
        asked.elapsed() < Duration::from_millis(50),
        "{:?}",
        asked.elapsed()
    );

    let asked = Instant::now();
    let answer = client
        .vote(request(90), RPCOption::new(SOON))
        .await
        .unwrap();
    let waited = asked.elapsed();
    assert!(answer.vote_granted);
    let times = GroupTimes::default();
    // The newest grant was at most an interval old.
    let least = times.grant - times.interval - Duration::from_millis(10);
    assert!(waited >= least, "{waited:?} of {least:?}");
    assert!(
        waited <= times.grant + Duration::from_millis(20),
        "{waited:?}"
    );
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_held_for_one_candidate_holds_up_no_other() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let target = follower(&cluster, leader);
    let intruder = Intruder::start(&cluster);
    let mut first = intruder.client(target).await;
    let mut second = first.clone();
    first.vote(request(0), RPCOption::new(SOON)).await.unwrap();
    let held = tokio::spawn(async move { first.vote(request(90), RPCOption::new(SOON)).await });
    tokio::task::yield_now().await;
    let asked = Instant::now();
    second.vote(request(0), RPCOption::new(SOON)).await.unwrap();
    assert!(
        asked.elapsed() < Duration::from_millis(50),
        "{:?}",
        asked.elapsed()
    );
    // The leader still appends through the same node.
    cluster.nodes[&leader].write(1).await.unwrap();
    assert!(held.await.unwrap().unwrap().vote_granted);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_released_grant_lets_a_vote_pass_at_once() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let target = follower(&cluster, leader);
    let intruder = Intruder::start(&cluster);
    let mut client = intruder.client(target).await;
    client.vote(request(0), RPCOption::new(SOON)).await.unwrap();
    let ended = cluster.leases.ended();
    let held = tokio::spawn(async move {
        let answer = client.vote(request(90), RPCOption::new(SOON)).await;
        (answer, Instant::now())
    });
    tokio::task::yield_now().await;
    assert!(cluster.nodes[&leader].keeper.end());
    let released = Instant::now();
    assert_eq!(
        cluster.leases.ended(),
        ended + 1,
        "the observer learns first"
    );
    let (answer, at) = held.await.unwrap();
    assert!(answer.unwrap().vote_granted);
    assert!(
        at - released < Duration::from_millis(20),
        "{:?}",
        at - released
    );
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_restarted_node_withholds_what_it_may_have_granted() {
    let mut cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let target = follower(&cluster, leader);
    let intruder = Intruder::start(&cluster);
    // The leader cannot renew the grant after the restart.
    cluster.isolate(&[target]);
    cluster.restart(target).await;
    cluster.isolate(&[target]);
    let restarted = Instant::now();
    let mut client = intruder.client(target).await;
    loop {
        // Until the link is up.
        match client.pre_vote(request(90), RPCOption::new(SOON)).await {
            Ok(answer) => {
                let withheld = restarted.elapsed() < GroupTimes::default().grant;
                assert_eq!(answer.vote_granted, !withheld, "{:?}", restarted.elapsed());
                if !withheld {
                    break;
                }
            }
            Err(error) => println!("not yet: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cluster.leases.checked();
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_own_vote_request_leaves_when_the_grant_is_over() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&follower(&cluster, leader)];
    // It serves no group, so that the answer tells when the request left.
    let _deaf = Intruder::start(&cluster);
    until("the link is up", || {
        node.transport.link(PeerId(INTRUDER)) == Some(LinkStatus::Up)
    })
    .await;
    let mut group = node.network.group(node.id, GROUP, node.keeper.clone());
    let mut client: Client<Numbers> = group.new_client(INTRUDER, &address(INTRUDER)).await;
    let mut own = request(90);
    own.vote = Vote::new(90, node.id);
    let asked = Instant::now();
    let answer = client.vote(own, RPCOption::new(SOON)).await;
    let waited = asked.elapsed();
    assert!(answer.is_err(), "{answer:?}");
    let times = GroupTimes::default();
    let least = times.grant - times.interval - Duration::from_millis(10);
    assert!(waited >= least, "{waited:?} of {least:?}");
    assert!(
        waited <= times.grant + Duration::from_millis(20),
        "{waited:?}"
    );
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_own_campaign_waits_for_what_the_node_has_granted() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let ballot = cluster.nodes[&leader].keeper.ballot();
    let target = follower(&cluster, leader);
    cluster.nodes[&target]
        .raft
        .trigger()
        .elect(false)
        .await
        .unwrap();
    // Its higher term deposes the leader; nobody has a lease before the grants are over.
    let next = cluster.leader_above(ballot).await;
    cluster.nodes[&next].write(1).await.unwrap();
    cluster.agree_on(1).await;
    assert!(cluster.leases.checked() >= 2);
    until("the old leader has no ballot", || {
        cluster.nodes[&leader].keeper.ballot() != ballot
    })
    .await;
    cluster.shut_down().await;
}
