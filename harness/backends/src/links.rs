//! The transport's faults behind the interface of the testbed.

use tsoracle_consensus::NodeId;
use tsoracle_peer_transport::{LinkFault as FrameFault, PeerId, Transport};
use tsoracle_testbed::{LinkFault, LinkFaults};
#[cfg(any(feature = "openraft", feature = "paxos"))]
use tsoracle_testbed::{NodeSpec, Traffic};

/// Faults on the links out of one node, for a backend whose engine runs on the transport.
#[derive(Clone, Debug)]
pub struct TransportLinks(Transport);

impl TransportLinks {
    /// The links out of the node that this transport belongs to.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self(transport)
    }
}

impl LinkFaults for TransportLinks {
    fn set(&self, to: NodeId, fault: LinkFault) {
        self.0.faults().set(PeerId(to), frame_fault(fault));
    }

    fn disturbed(&self, to: NodeId) -> u64 {
        self.0.faults().disturbed(PeerId(to))
    }
}

/// Sets the faults that the links of a node have from their first frame on.
#[cfg(any(feature = "openraft", feature = "paxos"))]
pub(crate) fn initial_faults(spec: &NodeSpec) -> impl Fn(&Transport) + Send + Sync + 'static {
    let faults = spec.link_faults.clone();
    move |transport| {
        let links = TransportLinks::new(transport.clone());
        for (to, fault) in &faults {
            links.set(*to, *fault);
        }
    }
}

/// What a node has sent over its links.
#[cfg(any(feature = "openraft", feature = "paxos"))]
pub(crate) fn sent_by(transport: &Transport) -> Traffic {
    let counts = transport.counts();
    let sent = counts.peers.iter().map(|(_, peer)| peer);
    sent.fold(Traffic::default(), |sum, peer| Traffic {
        frames: sum.frames + peer.frames_sent,
        bytes: sum.bytes + peer.bytes_sent,
    })
}

fn frame_fault(fault: LinkFault) -> FrameFault {
    match fault {
        LinkFault::Deliver => FrameFault::NONE,
        LinkFault::Drop => FrameFault::CUT,
        LinkFault::Delay(by) => FrameFault::delay(by),
        LinkFault::Lossy {
            lose_per_mille,
            duplicate_per_mille,
            reorder_per_mille,
        } => FrameFault::lossy(lose_per_mille, duplicate_per_mille, reorder_per_mille),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_fault_of_the_testbed_has_its_own_of_the_transport() {
        let by = Duration::from_millis(7);
        assert_eq!(frame_fault(LinkFault::Deliver), FrameFault::NONE);
        assert_eq!(frame_fault(LinkFault::Drop), FrameFault::CUT);
        assert_eq!(frame_fault(LinkFault::Delay(by)), FrameFault::delay(by));
        let lossy = LinkFault::Lossy {
            lose_per_mille: 1,
            duplicate_per_mille: 2,
            reorder_per_mille: 3,
        };
        assert_eq!(frame_fault(lossy), FrameFault::lossy(1, 2, 3));
    }
}
