//! Mutual TLS over any connection.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Io;
use crate::{Peer, Refusal, StartError};

/// Certificates for mutual TLS, all PEM. Every node's certificate must be valid for both ends of a
/// connection, signed under `authority`, and carry the node's name ([`Peer::tls_name`]): a node
/// may only speak as the node that its certificate names.
#[derive(Clone)]
pub struct Tls {
    /// The certificates that peers' certificates are signed under.
    pub authority: Vec<u8>,
    /// This node's certificate, and those between it and the authority.
    pub chain: Vec<u8>,
    /// The private key of this node's certificate.
    pub key: Vec<u8>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// TLS, ready for connections.
pub(crate) struct Secured {
    connector: TlsConnector,
    acceptor: TlsAcceptor,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").finish_non_exhaustive()
    }
}

impl Secured {
    pub(crate) fn new(tls: &Tls) -> Result<Self, StartError> {
        let mut roots = RootCertStore::empty();
        for root in certificates("authority", &tls.authority)? {
            roots.add(root).map_err(refused("authority"))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates("chain", &tls.chain)?;
        let key = PrivateKeyDer::from_pem_slice(&tls.key).map_err(refused("key"))?;
        let provider = Arc::new(ring::default_provider());
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused("provider"))?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(refused("chain"))?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused("provider"))?
            .with_client_cert_verifier(verifier.map_err(refused("authority"))?)
            .with_single_cert(chain, key)
            .map_err(refused("chain"))?;
        client.alpn_protocols = vec![b"h2".to_vec()];
        server.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            connector: Arc::new(client).into(),
            acceptor: Arc::new(server).into(),
        })
    }

    /// Secures a connection to a peer, whose certificate must carry its name.
    pub(crate) async fn dial(&self, io: Box<dyn Io>, peer: &Peer) -> io::Result<Box<dyn Io>> {
        let name = server_name(peer).map_err(io::Error::other)?;
        Ok(Box::new(self.connector.connect(name, io).await?))
    }

    /// Secures an incoming connection. Whose it is shows in the certificate.
    pub(crate) async fn accept(&self, io: Box<dyn Io>) -> io::Result<(Box<dyn Io>, Certificate)> {
        let stream = self.acceptor.accept(io).await?;
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.and_then(|chain| chain.first());
        let shown = shown.ok_or_else(|| io::Error::other("no certificate"))?;
        let certificate = Certificate(shown.clone().into_owned());
        Ok((Box::new(stream), certificate))
    }
}

/// The certificate that a connecting node has shown.
#[derive(Debug)]
pub(crate) struct Certificate(CertificateDer<'static>);

impl Certificate {
    /// Whether it is this peer's.
    pub(crate) fn check(&self, peer: &Peer) -> Result<(), Refusal> {
        let refusal = || Refusal::Certificate {
            node: peer.node,
            name: name(peer).to_owned(),
        };
        let name = server_name(peer).map_err(|_| refusal())?;
        let parsed = ParsedCertificate::try_from(&self.0).map_err(|_| refusal())?;
        verify_server_name(&parsed, &name).map_err(|_| refusal())
    }
}

/// The name that a peer's certificate carries.
fn name(peer: &Peer) -> &str {
    let host = peer.endpoint.rsplit_once(':').map(|(host, _)| host);
    let host = host.unwrap_or(&peer.endpoint);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    peer.tls_name.as_deref().unwrap_or(host)
}

fn server_name(peer: &Peer) -> Result<ServerName<'static>, String> {
    let name = name(peer);
    let parsed = ServerName::try_from(name.to_owned());
    parsed.map_err(|error| format!("{name} is no name of a certificate: {error}"))
}

fn certificates(
    which: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let parsed = parsed.map_err(refused(which))?;
    if parsed.is_empty() {
        return Err(refused(which)("no certificate in it"));
    }
    Ok(parsed)
}

fn refused<E: fmt::Display>(which: &'static str) -> impl FnOnce(E) -> StartError {
    move |error| StartError::Tls {
        why: format!("{which}: {error}"),
    }
}
