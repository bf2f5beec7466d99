//! Mutual TLS: who has no certificate of the cluster stays out, and nobody speaks for another.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot run has failed"
)]

mod common;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tsoracle_peer_transport::{
    LinkStatus, MemoryNetwork, Peer, PeerId, Refusal, Settings, StartError, Tls, Transport,
};

use common::{GROUP, Node, SOON, me, name, until};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a node.
    fn issue(&self, node: u64) -> Tls {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name(node)]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Tls {
            authority: self.0.pem().into_bytes(),
            chain: certificate.pem().into_bytes(),
            key: key.serialize_pem().into_bytes(),
        }
    }
}

fn settings(node: u64, tls: Option<Tls>) -> Settings {
    let others = (1..=2).filter(|other| *other != node);
    let peers = others.map(|other| Peer::new(PeerId(other), name(other)));
    let mut settings = Settings::new(me(node, 1), peers.collect());
    settings.tls = tls;
    settings
}

#[tokio::test(start_paused = true)]
async fn nodes_with_certificates_of_one_authority_talk() {
    let (network, authority) = (MemoryNetwork::default(), Authority::new());
    let a = Node::start(&network, settings(1, Some(authority.issue(1))));
    let b = Node::start(&network, settings(2, Some(authority.issue(2))));
    a.linked(&b).await;
    let large = vec![9; 1 << 20];
    let answer = a.transport.call(b.id, GROUP, large.clone(), SOON).await;
    assert!(answer == Ok(large.into()));
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_right_certificate_stays_out() {
    let (authority, other) = (Authority::new(), Authority::new());
    for tls in [None, Some(other.issue(2))] {
        let network = MemoryNetwork::default();
        let a = Node::start(&network, settings(1, Some(authority.issue(1))));
        let b = Node::start(&network, settings(2, tls));
        until("it was refused", || a.transport.counts().refused > 1).await;
        for node in [&a, &b] {
            assert!(node.engine.all().is_empty());
        }
        let to = a.transport.link(b.id);
        assert_ne!(to, Some(LinkStatus::Up));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_cannot_speak_for_another() {
    let (network, authority) = (MemoryNetwork::default(), Authority::new());
    let a = Node::start(&network, settings(1, Some(authority.issue(1))));
    // A certificate of the cluster, but node 3's.
    let b = Node::start(&network, settings(2, Some(authority.issue(3))));
    let refusal = Refusal::Certificate {
        node: b.id,
        name: name(2),
    };
    let noted = |n: &Node, by_us| {
        let refusals = n.transport.refusals();
        refusals
            .iter()
            .any(|r| r.by_us == by_us && r.refusal == refusal)
    };
    until("both know", || noted(&a, true) && noted(&b, false)).await;
    assert!(a.engine.all().is_empty());
    let dialed = |n: &Node| matches!(n.transport.link(b.id), Some(LinkStatus::Down { .. }));
    until("nor is it dialed", || dialed(&a)).await;
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_an_error() {
    let authority = Authority::new();
    let network = MemoryNetwork::default();
    let good = authority.issue(1);
    let garbage = b"no certificate".to_vec();
    let bad = [
        Tls {
            authority: garbage.clone(),
            ..good.clone()
        },
        Tls {
            chain: garbage.clone(),
            ..good.clone()
        },
        Tls {
            key: garbage,
            ..good
        },
    ];
    for tls in bad {
        let listener = network.bind(&name(1)).unwrap();
        let error = Transport::start(settings(1, Some(tls)), listener, network.clone());
        assert!(matches!(error, Err(StartError::Tls { .. })), "{error:?}");
    }
}
