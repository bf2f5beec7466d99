//! Where a node is reached, in the words of the engine, of the links and of the contract.

use std::fmt;

use serde::{Deserialize, Serialize};
use tsoracle_consensus::Member;
use tsoracle_openraft_toolkit::PeerAddress;
use tsoracle_peer_transport::{Peer, PeerId};

/// Where a node is reached, as the group's membership carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `host:port` for the other members.
    pub peer: String,
    /// `host:port` for clients; what a leader hint shows.
    pub service: String,
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peers {}, clients {}", self.peer, self.service)
    }
}

impl PeerAddress for Endpoints {
    fn peer(&self, id: u64) -> Peer {
        Peer::new(PeerId(id), self.peer.clone())
    }
}

impl Endpoints {
    /// Those of a member.
    #[must_use]
    pub fn of(member: &Member) -> Self {
        Self {
            peer: member.peer_endpoint.clone(),
            service: member.service_endpoint.clone(),
        }
    }

    /// The member that is reached here.
    #[must_use]
    pub fn member(&self, node: u64) -> Member {
        Member {
            node,
            peer_endpoint: self.peer.clone(),
            service_endpoint: self.service.clone(),
        }
    }
}
