//! Many groups over one connection.

use std::collections::BTreeMap;

use tsoracle_openraft_toolkit::Bootstrap;
use tsoracle_peer_transport::GroupId;

use crate::common::leases::Leases;
use crate::common::{Cluster, Engine, Options, SOON, members, until};

const GROUPS: u64 = 16;

#[tokio::test(start_paused = true)]
async fn many_groups_share_the_links() {
    let cluster = Cluster::group(3).await;
    let connections = |cluster: &Cluster| -> Vec<_> {
        cluster
            .nodes
            .values()
            .map(|node| node.transport.peers().len())
            .collect()
    };
    let mut groups = BTreeMap::new();
    for number in 2..=GROUPS {
        let leases = Leases::default();
        let mut engines = Vec::new();
        for node in cluster.nodes.values() {
            let (group, options) = (GroupId(number), Options::default());
            let engine = Engine::start(node.id, group, &node.network, &leases, &options).await;
            engines.push((engine, options.machine));
        }
        groups.insert(number, (leases, engines));
    }
    for (_, engines) in groups.values() {
        for (engine, _) in engines {
            let how = Bootstrap::Fresh {
                members: members(1..=3),
            };
            engine.lifecycle.bootstrap(how, SOON).await.unwrap();
        }
    }
    for (number, (_, engines)) in &groups {
        let leads = |engine: &&(Engine, _)| engine.0.keeper.is_valid();
        until("each group has a leader", || {
            engines.iter().any(|engine| leads(&engine))
        })
        .await;
        let (leader, _) = engines.iter().find(leads).unwrap();
        leader.raft.client_write(*number).await.unwrap();
        until("its own value, and no other's, is applied", || {
            engines
                .iter()
                .all(|(_, machine)| machine.values() == [*number])
        })
        .await;
    }
    assert_eq!(connections(&cluster), [4, 4, 4]);
    for (leases, engines) in groups.into_values() {
        leases.checked();
        for (engine, _) in engines {
            engine.raft.shutdown().await.unwrap();
        }
    }
    cluster.shut_down().await;
}
