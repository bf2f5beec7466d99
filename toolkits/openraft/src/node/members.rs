//! The links follow the members: whoever is in the log may connect, and whoever has left may not.

use std::collections::BTreeMap;

use openraft::Raft;
use openraft::async_runtime::WatchReceiver;
use openraft::storage::RaftStateMachine;
use tsoracle_peer_transport::{Peer, PeerId, Transport};

use crate::{Members, PeerAddress, RaftTypes};

/// Adds the nodes of the newest membership to the links, learners too, and removes the nodes that
/// the committed membership has lost. Ends with the engine.
///
/// Nodes that were named at the start and have not been in any membership yet stay: they found the
/// group, or their leader adds this node.
pub(super) async fn follow<C, SM>(raft: Raft<C, SM>, links: Transport)
where
    C: RaftTypes<Node: PeerAddress>,
    SM: RaftStateMachine<C>,
{
    let me = PeerId(*raft.node_id());
    let mut members = raft.server_metrics();
    drop(raft);
    let mut seen = BTreeMap::new();
    loop {
        let (newest, committed) = {
            let metrics = members.borrow_and_update();
            let newest = peers::<C>(metrics.membership_config.membership());
            let committed = peers::<C>(metrics.committed_membership_config.membership());
            (newest, committed)
        };
        for (node, peer) in newest.iter().filter(|(node, _)| **node != me) {
            if seen.get(node) != Some(peer) {
                add(&links, peer.clone());
            }
        }
        seen.extend(newest.clone());
        if newest == committed {
            let gone: Vec<PeerId> = seen.keys().copied().collect();
            for node in gone.into_iter().filter(|node| !newest.contains_key(node)) {
                seen.remove(&node);
                remove(&links, node);
            }
        }
        if members.changed().await.is_err() {
            return;
        }
    }
}

fn peers<C: RaftTypes<Node: PeerAddress>>(members: &Members<C>) -> BTreeMap<PeerId, Peer> {
    let nodes = members.nodes();
    nodes
        .map(|(node, described)| (PeerId(*node), described.peer(*node)))
        .collect()
}

fn add(links: &Transport, peer: Peer) {
    if links.peers().contains(&peer) {
        return;
    }
    let node = peer.node;
    // Under another address than before: the old link goes first.
    let _ = links.remove_peer(node);
    if let Err(error) = links.add_peer(peer) {
        tracing::warn!(%error, "no link to node {node}");
    }
}

fn remove(links: &Transport, node: PeerId) {
    if links.remove_peer(node).is_ok() {
        tracing::info!("node {node} is no member any more");
    }
}
