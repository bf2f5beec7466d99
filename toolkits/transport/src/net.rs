//! The seam to the network: how connections are made and taken.

#[cfg(feature = "test-fakes")]
mod memory;
mod tcp;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::fmt;
use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(feature = "test-fakes")]
pub use memory::{MemoryListener, MemoryNetwork};
pub use tcp::{TcpAcceptor, TcpDialer};
#[cfg(feature = "tls")]
pub(crate) use tls::Certificate;
#[cfg(feature = "tls")]
pub use tls::Tls;

/// Without TLS nobody shows a certificate.
#[cfg(not(feature = "tls"))]
#[derive(Debug)]
pub(crate) enum Certificate {}

#[cfg(not(feature = "tls"))]
impl Certificate {
    pub(crate) fn check(&self, _: &crate::Peer) -> Result<(), crate::Refusal> {
        match *self {}
    }
}

/// A connection: bytes both ways, in order, until either end closes it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Makes connections. TLS is laid over them by the transport.
#[async_trait]
pub trait Dialer: fmt::Debug + Send + Sync + 'static {
    /// Connects to a peer's endpoint. The transport limits the time; dropping the future gives up.
    ///
    /// # Errors
    /// Whatever keeps the connection from being made; the transport tries again.
    async fn dial(&self, endpoint: &str) -> io::Result<Box<dyn Io>>;
}

/// Takes connections. Dropped, it takes no more, and its address is free.
#[async_trait]
pub trait Listener: fmt::Debug + Send + 'static {
    /// The next connection, and who it is from, for the log. Cancel-safe.
    ///
    /// # Errors
    /// Whatever kept this one connection from being taken; the transport goes on after a pause.
    async fn accept(&mut self) -> io::Result<(Box<dyn Io>, String)>;

    /// Where peers dial it.
    fn endpoint(&self) -> String;
}
