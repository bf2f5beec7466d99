//! Reads the link from a peer: checks who opens it, and hands its frames to the engines.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Status;

use super::{Deliver, Link};
use crate::grpc::Incomings;
use crate::net::Certificate;
use crate::shared::Shared;
use crate::silence::Silence;
use crate::wire::{Head, Hello, Notice, decode_head, encode, unreadable};
use crate::{EndReason, Refusal, Session};

/// Reads one stream until its session is over.
pub(crate) async fn read(
    shared: Arc<Shared>,
    mut messages: Incomings,
    notices: mpsc::Sender<Vec<u8>>,
    certificate: Option<Certificate>,
) {
    // An opening may be under way for longer than its sender waits between two.
    let times = shared.settings.times;
    let limit = times.handshake + times.silence;
    let first = timeout(limit, messages.message()).await;
    let Ok(Ok(Some(first))) = first else {
        tracing::debug!("a stream without an opening");
        return;
    };
    let notices = Notices(notices);
    let opened = match decode_head(&first) {
        Ok((Head::Hello(hello), _)) => {
            let opened = open(&shared, &hello, certificate).await;
            opened.map_err(|refusal| (Some(hello.me.node), refusal))
        }
        Ok(_) => {
            let why = "it does not say who opens it".to_owned();
            Err((None, Refusal::Malformed { why }))
        }
        Err(error) => Err((None, unreadable(&error))),
    };
    match opened {
        Ok((link, session)) => {
            notices.accepted(&shared).await;
            let reading = Reading {
                shared,
                link,
                session,
            };
            let reason = reading.run(messages, &notices).await;
            reading.end(&reason);
            notices.tell(&Notice::Ended(reason)).await;
        }
        Err((node, refusal)) => {
            let link = node.and_then(|node| shared.link(node));
            if let Some(link) = link {
                link.counters.refused_by_us.add(1);
            }
            shared.note_refusal(node, true, refusal.clone());
            notices.tell(&Notice::Refused(refusal)).await;
        }
    }
}

/// Checks an opening, and opens its session.
async fn open(
    shared: &Arc<Shared>,
    hello: &Hello,
    certificate: Option<Certificate>,
) -> Result<(Arc<Link>, Session), Refusal> {
    let them = hello.me;
    let (dialed, answered) = (hello.to, shared.settings.me.node);
    shared.check_cluster(&them)?;
    if dialed != answered {
        return Err(Refusal::WrongNode { dialed, answered });
    }
    let link = shared.link(them.node);
    let link = link.ok_or(Refusal::UnknownNode { node: them.node })?;
    if let Some(certificate) = certificate {
        certificate.check(&link.peer)?;
    }
    shared.check(them, hello.timing).await?;
    let session = Session {
        incarnation: them.incarnation,
        number: hello.session,
    };
    link.inbox.open(session, &Deliver(&link))?;
    link.wake.notify_one();
    Ok((link, session))
}

/// A session that is being read. However the task ends, the session ends with it.
struct Reading {
    shared: Arc<Shared>,
    link: Arc<Link>,
    session: Session,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.end(&if self.shared.is_closing() {
            EndReason::ShuttingDown
        } else {
            EndReason::ConnectionLost("its reader ended".to_owned())
        });
    }
}

impl Reading {
    fn end(&self, reason: &EndReason) {
        let Self { link, session, .. } = self;
        link.inbox.end(*session, reason, &Deliver(link));
    }

    async fn run(&self, mut messages: Incomings, notices: &Notices) -> EndReason {
        let mut silence = Silence::new(self.shared.settings.times.silence);
        let over = self.link.inbox.over(self.session);
        tokio::pin!(over);
        loop {
            let message = tokio::select! {
                biased;
                message = messages.message() => message,
                reason = &mut over => return reason,
                () = silence.broken() => return EndReason::Silence,
            };
            silence.heard();
            if let Err(reason) = self.message(message, notices).await {
                return reason;
            }
        }
    }

    async fn message(
        &self,
        message: Result<Option<Bytes>, Status>,
        notices: &Notices,
    ) -> Result<(), EndReason> {
        let message = match message {
            Ok(Some(message)) => message,
            Ok(None) => return Err(EndReason::ConnectionLost("the peer ended it".to_owned())),
            Err(status) => return Err(EndReason::ConnectionLost(status.message().to_owned())),
        };
        let head = decode_head(&message);
        match head.map_err(|error| EndReason::Malformed(error.to_string()))? {
            (Head::Frames { first }, frames) => {
                if self.frames(first, &frames)? {
                    notices.alive();
                }
            }
            // The answer was lost, or is on its way.
            (Head::Hello(_), _) => notices.accepted(&self.shared).await,
            (Head::Refused(refusal), _) => {
                self.link.counters.refused_by_peer.add(1);
                let node = Some(self.link.peer.node);
                self.shared.note_refusal(node, false, refusal.clone());
                return Err(EndReason::Refused(refusal));
            }
        }
        Ok(())
    }

    /// Hands frames on. True if one was a sign of life.
    fn frames(&self, first: u64, frames: &Bytes) -> Result<bool, EndReason> {
        let Self { link, session, .. } = self;
        let limit = self.shared.settings.limits.payload_bytes;
        let counters = &link.counters;
        let sink = Deliver(link);
        let received = link.inbox.receive(*session, first, frames, limit, &sink);
        let received = received.inspect_err(|reason| match reason {
            EndReason::Gap => counters.gaps.add(1),
            _ => counters.frames_refused.add(1),
        })?;
        counters.frames_received.add(received.frames);
        if received.again {
            counters.frames_refused.add(1);
        } else {
            counters.bytes_received.add(frames.len() as u64);
        }
        Ok(received.beat)
    }
}

/// The way back to the sender of a link.
struct Notices(mpsc::Sender<Vec<u8>>);

impl Notices {
    async fn accepted(&self, shared: &Shared) {
        let settings = &shared.settings;
        self.tell(&Notice::Accepted(settings.me, settings.timing))
            .await;
    }

    /// Waits for room, for no longer than a peer may take to read it: the connection is given up
    /// when this stream is over.
    async fn tell(&self, notice: &Notice) {
        if let Ok(notice) = encode(notice) {
            let patience = std::time::Duration::from_secs(1);
            // Nobody to tell is nobody to tell.
            let _ = self.0.send_timeout(notice, patience).await;
        }
    }

    /// One sign of life more or less does not matter.
    fn alive(&self) {
        if let Ok(notice) = encode(&Notice::Alive) {
            let _ = self.0.try_send(notice);
        }
    }
}
