//! Takes connections, and serves each until its link's session is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::grpc::{self, Nursery};
use crate::link::read::read;
use crate::net::{Certificate, Io, Listener};
use crate::shared::Shared;

/// After a connection that could not be taken, which is most often for want of descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a peer may take to read the last notice and close its end.
const PARTING: Duration = Duration::from_secs(1);

/// Runs until the shutdown; then gives the address back and ends every connection.
pub(crate) async fn accept(shared: Arc<Shared>, mut listener: Box<dyn Listener>) {
    let mut closing = shared.closing.subscribe();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closed(&mut closing) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(_) if connections.len() >= shared.settings.limits.connections => {
                    shared.counters.turned_away.add(1);
                }
                Ok((io, from)) => {
                    shared.counters.accepted.add(1);
                    tracing::debug!(from, "accepted");
                    connections.spawn(connection(Arc::clone(&shared), io));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Waits for the beginning of the shutdown. Cancel-safe.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // A transport that is gone is closed.
    drop(closing.wait_for(|closing| *closing).await);
}

/// The tasks of a connection end with it.
struct Tasks(Nursery);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.end();
    }
}

async fn connection(shared: Arc<Shared>, io: Box<dyn Io>) {
    let limit = shared.settings.times.handshake;
    let (io, certificate) = match timeout(limit, secure(&shared, io)).await {
        Ok(Ok(secured)) => secured,
        Ok(Err(error)) => {
            shared.counters.refused.add(1);
            tracing::warn!(%error, "a connection without a valid certificate");
            return;
        }
        Err(_) => return,
    };
    let nursery = Nursery::default();
    let tasks = Tasks(nursery.clone());
    let (opened, mut streams) = mpsc::channel(1);
    let serving = grpc::serve(io, nursery, opened);
    tokio::pin!(serving);
    let opened = tokio::select! {
        _ = &mut serving => return,
        opened = timeout(limit, streams.recv()) => opened,
    };
    let Ok(Some((messages, notices))) = opened else {
        return;
    };
    streams.close();
    // In one task with the connection: what the connection has read is handed on in the same turn.
    let reading = read(shared, messages, notices, certificate);
    tokio::pin!(reading);
    tokio::select! {
        biased;
        _ = &mut serving => drop(timeout(PARTING, reading).await),
        () = &mut reading => drop(timeout(PARTING, serving).await),
    }
    drop(tasks);
}

#[cfg(feature = "tls")]
async fn secure(
    shared: &Shared,
    io: Box<dyn Io>,
) -> std::io::Result<(Box<dyn Io>, Option<Certificate>)> {
    match &shared.tls {
        None => Ok((io, None)),
        Some(tls) => {
            let (io, certificate) = tls.accept(io).await?;
            Ok((io, Some(certificate)))
        }
    }
}

#[cfg(not(feature = "tls"))]
#[allow(clippy::unused_async, reason = "with TLS it waits")]
async fn secure(
    _: &Shared,
    io: Box<dyn Io>,
) -> std::io::Result<(Box<dyn Io>, Option<Certificate>)> {
    Ok((io, None))
}
