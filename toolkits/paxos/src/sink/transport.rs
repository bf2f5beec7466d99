//! Frames over the peer transport.

use std::sync::Arc;

use bytes::Bytes;
use tsoracle_peer_transport::{
    AlreadyRegistered, Delivery, GroupId, Handler, PeerId, Responder, SendError, SessionChange,
    SessionEvent, Transport,
};

use super::{Inbound, MessageSink};
use crate::{Frame, GroupEntry};

const VERSION: u8 = 1;

/// Sends frames as one-way messages of a group. A queue that is full ends its session, as the
/// transport does it.
#[derive(Clone, Debug)]
pub struct TransportSink {
    transport: Transport,
    group: GroupId,
}

/// A runner that hears its group. Dropped, it hears nothing more.
#[derive(Debug)]
pub struct Attached {
    transport: Transport,
    group: GroupId,
}

/// Hands a group's frames and sessions to a runner.
///
/// When the runner's inbox is full, a frame is answered with [`Delivery::Lost`]: its session ends,
/// and the engines at both ends recover what was lost when the next one starts.
///
/// # Errors
/// [`AlreadyRegistered`].
pub fn attach<T: GroupEntry>(
    transport: &Transport,
    group: GroupId,
    inbound: Inbound<T>,
) -> Result<Attached, AlreadyRegistered> {
    transport.register(group, Arc::new(Receiver { inbound }))?;
    Ok(Attached {
        transport: transport.clone(),
        group,
    })
}

impl TransportSink {
    /// A sink for one group.
    #[must_use]
    pub fn new(transport: Transport, group: GroupId) -> Self {
        Self { transport, group }
    }

    pub(crate) fn hand_over<T: GroupEntry>(&self, to: u64, frame: &Frame<T>) {
        let bytes = match tsoracle_codec::encode(VERSION, frame) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(group = %self.group, to, %error, "a frame has no encoding");
                return;
            }
        };
        match self.transport.send(PeerId(to), self.group, bytes) {
            Ok(_) => {}
            Err(error @ SendError::TooLarge { .. }) => {
                tracing::error!(group = %self.group, to, %error, "a frame is lost; compact the log more often");
            }
            Err(error) => tracing::trace!(group = %self.group, to, %error, "a frame is lost"),
        }
    }
}

impl<T: GroupEntry> MessageSink<T> for TransportSink {
    fn send(&mut self, to: u64, frame: Frame<T>) {
        self.hand_over(to, &frame);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.transport.unregister(self.group);
    }
}

#[derive(Debug)]
struct Receiver<T: GroupEntry> {
    inbound: Inbound<T>,
}

impl<T: GroupEntry> Handler for Receiver<T> {
    fn on_message(&self, from: PeerId, payload: Bytes) -> Delivery {
        let bytes = payload.len();
        let taken = match tsoracle_codec::decode::<Frame<T>>(VERSION, &payload) {
            Ok(frame) => self.inbound.deliver(from.0, frame, bytes).is_ok(),
            Err(error) => {
                tracing::error!(%from, %error, "a frame cannot be read");
                false
            }
        };
        if taken {
            Delivery::Taken
        } else {
            Delivery::Lost
        }
    }

    fn on_request(&self, _from: PeerId, _payload: Bytes, responder: Responder) {
        responder.fail("this group takes messages only");
    }

    fn on_session(&self, event: SessionEvent) {
        if event.change == SessionChange::Started {
            self.inbound.reconnected(event.peer.0);
        }
    }
}
