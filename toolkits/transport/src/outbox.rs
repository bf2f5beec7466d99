//! The near end of a link: its phase, its queue, and the calls that wait for an answer.
//!
//! One lock covers all three, so that the end of a session empties the queue and fails its calls
//! in one step: what is queued never belongs to another session than its caller was told.

mod lanes;
mod phase;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::counters::LinkCounters;
use crate::wire::{Failure, Frame, PayloadHead};
use crate::{EndReason, GroupId, Incarnation, Limits, Refusal, Session};
pub(crate) use phase::{Down, Phase};
pub(crate) use queue::Batch;
use queue::Queue;

/// How a call ends: the payload, or why there is none.
pub(crate) type Answer = Result<Bytes, NoAnswer>;

/// Why a call that was queued has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The session broke.
    Broken(EndReason),
    /// The other end says so.
    Failed(Failure),
}

/// Why a payload was not queued.
#[derive(Debug)]
pub(crate) enum NotQueued {
    /// An attempt to connect is under way.
    Connecting,
    /// There is no session.
    Down(Down),
    /// There is no room.
    Full,
    /// The link is closed for good.
    Closed(EndReason),
}

/// What the stream of a session does next.
#[derive(Debug)]
pub(crate) enum Take {
    /// Repeat the opening: it has not been answered.
    Opening,
    /// Send these.
    Frames(Batch),
    /// Tell the other end that it is refused, and end.
    Farewell(Refusal),
    /// The session is over.
    Over,
}

/// The near end of one link.
#[derive(Debug)]
pub(crate) struct Outbox {
    me: Incarnation,
    limits: Limits,
    counters: Arc<LinkCounters>,
    state: Mutex<State>,
    /// Told of every change of phase.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    queue: Queue,
    calls: HashMap<u64, oneshot::Sender<Answer>>,
    next_call: u64,
    /// Answers that wait for the link to come up.
    held: Vec<Held>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Held {
    call: u64,
    caller: Incarnation,
    expires: Instant,
    answer: Result<Bytes, Failure>,
}

impl Outbox {
    pub(crate) fn new(me: Incarnation, limits: Limits, counters: Arc<LinkCounters>) -> Self {
        let state = State {
            phase: Phase::Connecting,
            queue: Queue::default(),
            calls: HashMap::new(),
            next_call: 1,
            held: Vec::new(),
            waker: None,
        };
        Self {
            me,
            limits,
            counters,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message in the session that is up. For want of room the session ends.
    pub(crate) fn send(&self, group: GroupId, payload: Bytes) -> Result<Session, NotQueued> {
        let mut state = self.lock();
        let number = state.phase.session_up()?;
        let room = state.queue.has_room(payload.len(), &self.limits);
        let head = PayloadHead::Message { group };
        if !room || state.queue.push(head, payload, &self.limits).is_err() {
            self.counters.dropped_queue_full.add(1);
            self.end_locked(state, number, &EndReason::QueueFull);
            return Err(NotQueued::Full);
        }
        self.wake(state);
        Ok(Session {
            incarnation: self.me,
            number,
        })
    }

    /// Queues a request, whose answer comes out of the receiver.
    pub(crate) fn request(
        &self,
        group: GroupId,
        payload: Bytes,
        within_us: u64,
    ) -> Result<(u64, oneshot::Receiver<Answer>), NotQueued> {
        let mut state = self.lock();
        state.phase.session_up()?;
        let room = state.queue.has_room(payload.len(), &self.limits);
        if !room || state.calls.len() >= self.limits.calls {
            return Err(NotQueued::Full);
        }
        let call = state.next_call;
        let head = PayloadHead::Request {
            group,
            call,
            within_us,
        };
        let queued = state.queue.push(head, payload, &self.limits);
        queued.map_err(|_| NotQueued::Full)?;
        state.next_call += 1;
        let (answer, receiver) = oneshot::channel();
        state.calls.insert(call, answer);
        self.wake(state);
        Ok((call, receiver))
    }

    /// Nobody waits for this call any more.
    pub(crate) fn forget(&self, call: u64) {
        let forgotten = self.lock().calls.remove(&call);
        drop(forgotten);
    }

    /// Hands an answer to its call. False if nobody waits for it.
    pub(crate) fn complete(&self, call: u64, answer: Result<Bytes, Failure>) -> bool {
        let waiting = self.lock().calls.remove(&call);
        let answer = answer.map_err(NoAnswer::Failed);
        waiting.is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// Fails every call: the link on which the answers would come has broken.
    pub(crate) fn fail_calls(&self, reason: &EndReason) {
        let calls = std::mem::take(&mut self.lock().calls);
        fail(calls, reason);
    }

    /// Queues the answer to a request of this life of the peer, or holds it while the link is not
    /// up. An answer for which there is no room ends the session, so that its caller learns of it.
    pub(crate) fn answer(
        &self,
        call: u64,
        caller: Incarnation,
        expires: Instant,
        answer: Result<Bytes, Failure>,
    ) {
        let mut state = self.lock();
        match state.phase {
            Phase::Up { number, peer } if peer == caller => {
                if state.push_answer(call, answer, &self.limits) {
                    return self.wake(state);
                }
                self.counters.dropped_queue_full.add(1);
                self.end_locked(state, number, &EndReason::QueueFull);
            }
            Phase::Connecting | Phase::Opening { .. } | Phase::Backoff(_) => {
                let now = Instant::now();
                state.held.retain(|held| held.expires > now);
                let size = |held: &Held| held.answer.as_ref().map_or(0, Bytes::len);
                let bytes: usize = state.held.iter().map(size).sum();
                let bytes = bytes + answer.as_ref().map_or(0, Bytes::len);
                if state.held.len() < HELD_MAX && bytes <= self.limits.queue_bytes {
                    state.held.push(Held {
                        call,
                        caller,
                        expires,
                        answer,
                    });
                } else {
                    self.counters.dropped_no_session.add(1);
                }
            }
            Phase::Up { .. } | Phase::Farewell { .. } | Phase::Closed(_) => {
                self.counters.dropped_no_session.add(1);
            }
        }
    }

    /// Queues a sign of life.
    pub(crate) fn beat(&self, session: u64) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Up { number, .. } if number == session) {
            // A sign of life that has no encoding is one that is missed.
            let _ = state.queue.push_small(&Frame::Beat, 2);
        }
    }

    /// What the stream of this session sends next; it is woken when there is something.
    pub(crate) fn poll_take(&self, session: u64, cx: &mut Context<'_>) -> Poll<Take> {
        let mut state = self.lock();
        match &state.phase {
            Phase::Opening { number } if *number == session => {
                state.waker = Some(cx.waker().clone());
                return Poll::Ready(Take::Opening);
            }
            Phase::Up { number, .. } if *number == session => {}
            Phase::Farewell { number, refusal } if *number == session => {
                return Poll::Ready(Take::Farewell(refusal.clone()));
            }
            _ => return Poll::Ready(Take::Over),
        }
        match state.queue.take(self.limits.chunk_bytes) {
            Ok(Some(batch)) => Poll::Ready(Take::Frames(batch)),
            Ok(None) => {
                let waker = cx.waker();
                if !state.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
                    state.waker = Some(waker.clone());
                }
                Poll::Pending
            }
            Err(error) => {
                let reason = EndReason::Malformed(error.to_string());
                self.end_locked(state, session, &reason);
                Poll::Ready(Take::Over)
            }
        }
    }

    /// How many frames wait, how many bytes, and how many calls.
    pub(crate) fn depth(&self) -> (usize, usize, usize) {
        let state = self.lock();
        let (frames, bytes) = state.queue.depth();
        (frames, bytes, state.calls.len())
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn end_locked(&self, mut state: MutexGuard<'_, State>, session: u64, reason: &EndReason) {
        if state.phase.number() != Some(session) {
            return;
        }
        state.phase = Phase::Backoff(Down::Ended(reason.clone()));
        state.queue = Queue::default();
        let calls = std::mem::take(&mut state.calls);
        self.wake(state);
        fail(calls, reason);
        self.changed.notify_waiters();
    }
}

/// Answers that may wait for a link to come up.
const HELD_MAX: usize = 1_024;

impl State {
    fn push_answer(&mut self, call: u64, answer: Result<Bytes, Failure>, limits: &Limits) -> bool {
        let answer = answer.and_then(|payload| {
            let (size, limit) = (payload.len() as u64, limits.payload_bytes as u64);
            if size > limit {
                return Err(Failure::TooLarge { size, limit });
            }
            Ok(payload)
        });
        let size = answer.as_ref().map_or(64, Bytes::len);
        if !self.queue.has_room(size, limits) {
            return false;
        }
        let queued = match answer {
            Ok(payload) => self
                .queue
                .push(PayloadHead::Answer { call }, payload, limits),
            Err(failure) => self
                .queue
                .push_small(&Frame::Failure { call, failure }, size),
        };
        queued.is_ok()
    }
}

fn fail(calls: HashMap<u64, oneshot::Sender<Answer>>, reason: &EndReason) {
    for waiting in calls.into_values() {
        // A caller that went away needs no answer.
        let _ = waiting.send(Err(NoAnswer::Broken(reason.clone())));
    }
}
