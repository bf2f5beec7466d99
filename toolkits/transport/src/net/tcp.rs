//! Connections over TCP.

use std::io;

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};

use super::{Dialer, Io, Listener};
use crate::StartError;

/// Dials `host:port` over TCP, without Nagle's delay.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDialer;

#[async_trait]
impl Dialer for TcpDialer {
    async fn dial(&self, endpoint: &str) -> io::Result<Box<dyn Io>> {
        let stream = TcpStream::connect(endpoint).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// Listens on a TCP address.
#[derive(Debug)]
pub struct TcpAcceptor {
    listener: TcpListener,
    endpoint: String,
}

impl TcpAcceptor {
    /// Listens on `address`, `host:port`; port 0 takes a free one, which
    /// [`endpoint`](Listener::endpoint) then names.
    ///
    /// # Errors
    /// [`StartError::Bind`], most often since the port is taken.
    pub async fn bind(address: &str) -> Result<Self, StartError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let endpoint = listener.local_addr()?.to_string();
            io::Result::Ok(Self { listener, endpoint })
        };
        bound.await.map_err(|source| StartError::Bind {
            address: address.to_owned(),
            source,
        })
    }
}

#[async_trait]
impl Listener for TcpAcceptor {
    async fn accept(&mut self) -> io::Result<(Box<dyn Io>, String)> {
        let (stream, from) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((Box::new(stream), from.to_string()))
    }

    fn endpoint(&self) -> String {
        self.endpoint.clone()
    }
}
