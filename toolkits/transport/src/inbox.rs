//! The far end of a link: which session is the newest, and what is next in it.

mod parts;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::wire::{Frame, decode_prefix};
use crate::{EndReason, GroupId, Incarnation, PeerId, Refusal, Session};
use parts::Parts;
pub(crate) use parts::Payload;

/// Groups without a handler whose messages are remembered one by one; beyond, all count as missed.
const MISSED_MAX: usize = 1_024;

/// The far end of the link from one peer.
///
/// Its lock is held while frames are handed on, so that engines see the sessions of a peer one
/// after the other, whichever connections they came on.
#[derive(Debug)]
pub(crate) struct Inbox {
    peer: PeerId,
    state: Mutex<State>,
    /// Told when the current session changes.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    newest: Newest,
    current: Option<Current>,
    /// The last session that ended, and why.
    ended: Option<(Session, EndReason)>,
    closed: bool,
}

/// The newest life and session that a peer has shown. Kept when the peer is removed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Newest(Option<Session>);

#[derive(Debug)]
struct Current {
    session: Session,
    /// Engines have been told of it: a frame has come.
    started: bool,
    next: u64,
    parts: Parts,
    missed: HashSet<GroupId>,
}

/// Where frames go. Called with the lock held.
pub(crate) trait Sink {
    /// The session has its first frame.
    fn started(&self, session: Session);
    /// A session that had started is over.
    fn ended(&self, session: Session, reason: &EndReason);
    /// A whole payload or a failed call.
    fn take(&self, session: Session, payload: Payload) -> Taken;
}

/// What became of a payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// An engine lost it.
    Lost,
    /// A message of a group that nobody handles.
    NoHandler(GroupId),
}

/// What was in a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Frames that were next.
    pub(crate) frames: u64,
    /// Whether one of them was a sign of life.
    pub(crate) beat: bool,
    /// Whether the batch had come before, and was dropped.
    pub(crate) again: bool,
}

impl Inbox {
    pub(crate) fn new(peer: PeerId, newest: Newest) -> Self {
        let state = State {
            newest,
            ..State::default()
        };
        Self {
            peer,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a life of the peer may talk to us. A newer one than any before ends the session of
    /// an older one.
    pub(crate) fn meet(&self, life: Incarnation, sink: &dyn Sink) -> Result<(), Refusal> {
        let mut state = self.lock();
        match state.newest.0 {
            Some(newest) if life < newest.incarnation => Err(Refusal::StaleIncarnation {
                node: self.peer,
                newest: newest.incarnation,
                presented: life,
            }),
            Some(newest) if life == newest.incarnation => Ok(()),
            _ => {
                state.newest = Newest(Some(Session {
                    incarnation: life,
                    number: 0,
                }));
                self.end_current(&mut state, &EndReason::Superseded, sink);
                Ok(())
            }
        }
    }

    /// Opens a session, if it is newer than every one before, and ends the one that is open.
    pub(crate) fn open(&self, session: Session, sink: &dyn Sink) -> Result<(), Refusal> {
        self.meet(session.incarnation, sink)?;
        let mut state = self.lock();
        if let Some(newest) = state.newest.0.filter(|newest| session <= *newest) {
            return Err(Refusal::StaleSession {
                node: self.peer,
                newest: newest.number,
                presented: session.number,
            });
        }
        if state.closed {
            return Err(Refusal::UnknownNode { node: self.peer });
        }
        state.newest = Newest(Some(session));
        self.end_current(&mut state, &EndReason::Superseded, sink);
        state.current = Some(Current {
            session,
            started: false,
            next: 0,
            parts: Parts::default(),
            missed: HashSet::new(),
        });
        Ok(())
    }

    /// Hands on the frames of a batch, if it is next in the newest session. An error has ended the
    /// session.
    pub(crate) fn receive(
        &self,
        session: Session,
        first: u64,
        frames: &Bytes,
        payload_bytes: usize,
        sink: &dyn Sink,
    ) -> Result<Received, EndReason> {
        let mut state = self.lock();
        let Some(current) = state.current.as_mut().filter(|c| c.session == session) else {
            return Err(state.end_of(session));
        };
        if first < current.next {
            let again = true;
            return Ok(Received {
                again,
                ..Received::default()
            });
        }
        let received = if first > current.next {
            Err(EndReason::Gap)
        } else {
            current.receive(frames, payload_bytes, sink)
        };
        if let Err(reason) = &received {
            self.end_current(&mut state, reason, sink);
        }
        received
    }

    /// Ends this session, unless it has ended.
    pub(crate) fn end(&self, session: Session, reason: &EndReason, sink: &dyn Sink) {
        let mut state = self.lock();
        if state.current.as_ref().is_some_and(|c| c.session == session) {
            self.end_current(&mut state, reason, sink);
        }
    }

    /// Takes no session any more.
    pub(crate) fn close(&self, reason: &EndReason, sink: &dyn Sink) {
        let mut state = self.lock();
        state.closed = true;
        self.end_current(&mut state, reason, sink);
    }

    /// Calls `tell` with the session that engines know of, if there is one, while no other may
    /// start or end. A session that has lost messages of `group` ends instead.
    pub(crate) fn replay(&self, group: GroupId, sink: &dyn Sink, tell: impl FnOnce(Session)) {
        let mut state = self.lock();
        let Some(current) = &state.current else {
            return;
        };
        let session = current.session;
        if current.missed.contains(&group) || current.missed.len() >= MISSED_MAX {
            self.end_current(&mut state, &EndReason::LateHandler, sink);
        } else if current.started {
            tell(session);
        }
    }

    /// The newest life and session of the peer.
    pub(crate) fn newest(&self) -> Newest {
        self.lock().newest
    }

    /// Waits until this session is over, and says why; at once if it is.
    ///
    /// Cancel-safe.
    pub(crate) async fn over(&self, session: Session) -> EndReason {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(reason) = self.end_of(session) {
                return reason;
            }
            changed.await;
        }
    }

    /// Why this session is over, if it is.
    fn end_of(&self, session: Session) -> Option<EndReason> {
        let state = self.lock();
        if state.current.as_ref().is_some_and(|c| c.session == session) {
            return None;
        }
        Some(state.end_of(session))
    }

    fn end_current(&self, state: &mut State, reason: &EndReason, sink: &dyn Sink) {
        if let Some(ended) = state.current.take() {
            if ended.started {
                sink.ended(ended.session, reason);
            }
            state.ended = Some((ended.session, reason.clone()));
            self.changed.notify_waiters();
        }
    }
}

impl State {
    fn end_of(&self, session: Session) -> EndReason {
        let ended = self.ended.as_ref().filter(|(ended, _)| *ended == session);
        ended.map_or(EndReason::Superseded, |(_, reason)| reason.clone())
    }
}

impl Current {
    fn receive(
        &mut self,
        frames: &Bytes,
        payload_bytes: usize,
        sink: &dyn Sink,
    ) -> Result<Received, EndReason> {
        let mut received = Received::default();
        let mut rest: &[u8] = frames;
        if !rest.is_empty() && !self.started {
            self.started = true;
            sink.started(self.session);
        }
        while !rest.is_empty() {
            let (frame, behind) = decode_prefix::<Frame<'_>>(rest)
                .map_err(|error| EndReason::Malformed(error.to_string()))?;
            rest = behind;
            self.next += 1;
            received.frames += 1;
            if frame == Frame::Beat {
                received.beat = true;
                continue;
            }
            let Some(payload) = self.parts.take(frame, frames, payload_bytes)? else {
                continue;
            };
            match sink.take(self.session, payload) {
                Taken::Yes => {}
                Taken::Lost => return Err(EndReason::NotTaken),
                Taken::NoHandler(group) => self.miss(group),
            }
        }
        Ok(received)
    }

    fn miss(&mut self, group: GroupId) {
        if self.missed.len() < MISSED_MAX {
            self.missed.insert(group);
        }
    }
}

/// What frames in a row make up.
#[cfg(test)]
pub(crate) fn read_frames(frames: &Bytes) -> Result<Vec<Payload>, EndReason> {
    let (mut parts, mut payloads) = (Parts::default(), Vec::new());
    let mut rest: &[u8] = frames;
    while let Ok((frame, behind)) = decode_prefix::<Frame<'_>>(rest) {
        payloads.extend(parts.take(frame, frames, usize::MAX)?);
        rest = behind;
    }
    Ok(payloads)
}
