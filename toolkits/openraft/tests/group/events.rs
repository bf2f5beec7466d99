//! The stream of leadership events.

use futures_util::StreamExt;
use tsoracle_openraft_toolkit::{Role, leadership_events};

use crate::common::{Cluster, SOON};

#[tokio::test(start_paused = true)]
async fn the_first_item_is_there_at_once_and_the_end_comes_with_the_shutdown() {
    let mut cluster = Cluster::nodes(3).await;
    let mut events = Box::pin(leadership_events(&cluster.nodes[&1].raft));
    let first = events.next().await.unwrap();
    assert_eq!((first.role, first.leader), (Role::Learner, None));
    cluster.found(1..=3).await;
    let leader = cluster.leader().await;
    let ballot = cluster.nodes[&leader].keeper.ballot().unwrap();
    let mut last = first;
    loop {
        let event = tokio::time::timeout(SOON, events.next())
            .await
            .unwrap()
            .unwrap();
        assert_ne!(event, last, "an item came twice");
        assert!(event.ballot >= last.ballot, "{event:?} after {last:?}");
        last = event;
        if event.leader == Some(leader) && event.ballot == ballot {
            break;
        }
    }
    let expected = if leader == 1 {
        Role::Leader
    } else {
        Role::Follower
    };
    assert_eq!(last.role, expected);
    cluster.stop(1).await;
    while let Some(event) = tokio::time::timeout(SOON, events.next()).await.unwrap() {
        last = event;
    }
    assert!(last.ballot >= ballot);
    cluster.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_subscriber_sees_the_sitting_leader_first() {
    let cluster = Cluster::group(3).await;
    let leader = cluster.leader().await;
    let mut events = Box::pin(leadership_events(&cluster.nodes[&leader].raft));
    let first = events.next().await.unwrap();
    assert_eq!((first.role, first.leader), (Role::Leader, Some(leader)));
    cluster.shut_down().await;
}
