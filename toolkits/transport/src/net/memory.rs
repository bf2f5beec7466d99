//! A network in memory, which runs under a paused clock.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

use super::{Dialer, Io, Listener};
use crate::StartError;

/// Bytes that a connection holds in each direction before its writer waits.
const PIPE_BYTES: usize = 256 << 10;

/// Endpoints by name, and connections between them. Clones are the same network.
#[derive(Clone, Debug, Default)]
pub struct MemoryNetwork {
    listeners: Arc<Mutex<HashMap<String, mpsc::Sender<DuplexStream>>>>,
}

impl MemoryNetwork {
    /// Listens under a name of the caller's choice.
    ///
    /// # Errors
    /// [`StartError::Bind`] if somebody listens there.
    pub fn bind(&self, endpoint: &str) -> Result<MemoryListener, StartError> {
        let mut listeners = self.lock();
        if listeners
            .get(endpoint)
            .is_some_and(|held| !held.is_closed())
        {
            return Err(StartError::Bind {
                address: endpoint.to_owned(),
                source: io::ErrorKind::AddrInUse.into(),
            });
        }
        let (connections, incoming) = mpsc::channel(16);
        listeners.insert(endpoint.to_owned(), connections);
        Ok(MemoryListener {
            endpoint: endpoint.to_owned(),
            incoming,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<DuplexStream>>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Dialer for MemoryNetwork {
    async fn dial(&self, endpoint: &str) -> io::Result<Box<dyn Io>> {
        let listener = self.lock().get(endpoint).cloned();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = listener.ok_or_else(refused)?;
        let (near, far) = duplex(PIPE_BYTES);
        listener.send(far).await.map_err(|_| refused())?;
        Ok(Box::new(near))
    }
}

/// An endpoint of a [`MemoryNetwork`].
#[derive(Debug)]
pub struct MemoryListener {
    endpoint: String,
    incoming: mpsc::Receiver<DuplexStream>,
}

impl MemoryListener {
    /// The next connection as it is, for a test that plays a peer by hand; `None` never comes while
    /// the network lives.
    pub async fn accept_raw(&mut self) -> Option<DuplexStream> {
        self.incoming.recv().await
    }
}

#[async_trait]
impl Listener for MemoryListener {
    async fn accept(&mut self) -> io::Result<(Box<dyn Io>, String)> {
        match self.incoming.recv().await {
            Some(stream) => Ok((Box::new(stream), "memory".to_owned())),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn endpoint(&self) -> String {
        self.endpoint.clone()
    }
}
