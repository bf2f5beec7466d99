//! Hooks, handoff, membership, links and the service endpoint.

use std::time::Duration;

use tempfile::TempDir;
use tsoracle_consensus::{
    AdvancePayload, ConsensusError, Epoch, HandoffError, Member, MembershipError,
};
use tsoracle_testbed::{Cluster, LinkFault, TestbedError};

use crate::backend::{ABYSS, Able, Bare};
use crate::{start, within};

async fn calls(cluster: &Cluster) -> u64 {
    let driver = cluster.nodes()[0].driver().unwrap();
    driver.load_high_water().await.unwrap()
}

pub(crate) async fn hooks_are_called_with_their_arguments(dir: TempDir) {
    let cluster = start(Able, &dir).await;
    let hooks = cluster.nodes()[0].hooks().unwrap();
    let payload = AdvancePayload {
        at_least: 200_000,
        epoch: Epoch::new(5),
    };
    let hold = hooks.hold_apply.unwrap();
    for (call, sum) in [
        (hold(true), 1),
        (hold(false), 11),
        (hooks.inject.unwrap()(payload), 200_016),
        (hooks.snapshot_now.unwrap()(()), 200_116),
        (hooks.purge_now.unwrap()(()), 201_116),
    ] {
        call.await.unwrap();
        assert_eq!(calls(&cluster).await, sum);
    }
}

pub(crate) async fn only_declared_hooks_are_offered(dir: TempDir) {
    let cluster = start(Able, &dir).await;
    let hooks = cluster.nodes()[0].hooks().unwrap();
    assert!(hooks.campaign.is_none() && hooks.inject.is_some());
}

pub(crate) async fn a_handoff_answers_as_it_does_there(dir: TempDir) {
    let cluster = start(Able, &dir).await;
    let handoff = cluster.nodes()[0].handoff().unwrap();
    handoff.hand_off(2).await.unwrap();
    let bad = handoff.hand_off(1).await.unwrap_err();
    assert!(matches!(bad, HandoffError::BadTarget { to: 1, .. }));
    let late = handoff.hand_off(3).await.unwrap_err();
    let expected = HandoffError::TimedOut {
        to: 3,
        waited_ms: 7,
    };
    assert_eq!(late.to_string(), expected.to_string());
}

pub(crate) async fn members_change_there(dir: TempDir) {
    let cluster = start(Able, &dir).await;
    let membership = cluster.nodes()[0].membership().unwrap();
    let known = membership.members().await.unwrap();
    assert_eq!(known, cluster.nodes()[0].spec().members);

    let new = |node| Member {
        node,
        ..known[0].clone()
    };
    membership.add(new(3)).await.unwrap();
    let refused = membership.add(new(3)).await.unwrap_err();
    assert!(matches!(refused, MembershipError::Refused { .. }));
    membership.remove(1).await.unwrap();
    membership.replace(2, new(4)).await.unwrap();
    assert_eq!(membership.members().await.unwrap(), [new(3), new(4)]);
    let unchanged = cluster.nodes()[1].membership().unwrap();
    assert_eq!(unchanged.members().await.unwrap(), known);
}

pub(crate) async fn links_follow_over_restarts(dir: TempDir) {
    let late = |seconds| LinkFault::Delay(Duration::from_secs(seconds));
    let mut cluster = start(Able, &dir).await;
    cluster.set_link(0, 1, late(7)).await.unwrap();
    cluster.set_link(1, 0, late(9)).await.unwrap();
    assert_eq!(cluster.disturbed(0, 1).await.unwrap(), 7);
    assert_eq!(cluster.disturbed(1, 0).await.unwrap(), 9);
    cluster.restart_all().await.unwrap();
    assert_eq!(cluster.disturbed(0, 1).await.unwrap(), 7);
}

pub(crate) async fn a_service_is_where_the_node_said(dir: TempDir) {
    let cluster = start(Able, &dir).await;
    let endpoint = cluster.nodes()[0].service_endpoint().unwrap();
    assert_eq!(endpoint, "service.of.able:1");
}

pub(crate) async fn a_node_without_a_capability_lacks_it(dir: TempDir) {
    let mut cluster = start(Bare, &dir).await;
    let node = &cluster.nodes()[0];
    let hook = node.hooks().unwrap().snapshot_now.unwrap();
    assert_lacks(&hook(()).await.unwrap_err(), "hook snapshot_now");
    let handoff = node.handoff().unwrap().hand_off(2).await;
    let Err(HandoffError::Consensus(error)) = handoff else {
        panic!("{handoff:?}");
    };
    assert_lacks(&error, "Handoff");
    let members = node.membership().unwrap().members().await;
    let Err(MembershipError::Consensus(error)) = members else {
        panic!("{members:?}");
    };
    assert_lacks(&error, "Membership");
    for links in [
        cluster.disturbed(0, 1).await.map(drop),
        cluster.set_link(0, 1, LinkFault::Drop).await,
    ] {
        assert!(matches!(links, Err(TestbedError::Lacks("LinkFaults"))));
    }
}

fn assert_lacks(error: &ConsensusError, what: &'static str) {
    let expected = ConsensusError::permanent(TestbedError::Lacks(what));
    assert_eq!(error.to_string(), expected.to_string());
}

pub(crate) async fn a_process_that_ends_leaves_its_calls_unknown(dir: TempDir) {
    let cluster = start(Able, &dir).await;
    let node = &cluster.nodes()[0];
    let (handoff, membership) = (node.handoff().unwrap(), node.membership().unwrap());
    let hook = node.hooks().unwrap().purge_now.unwrap();
    let ended = within("the end of a call", handoff.hand_off(ABYSS)).await;
    let Err(HandoffError::Consensus(ConsensusError::Transient(_))) = ended else {
        panic!("{ended:?}");
    };
    let after = membership.remove(1).await;
    let Err(MembershipError::Consensus(ConsensusError::Transient(_))) = after else {
        panic!("{after:?}");
    };
    let after = hook(()).await;
    assert!(matches!(after, Err(ConsensusError::Transient(_))));
}
