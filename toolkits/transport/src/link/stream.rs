//! The messages of one session, as HTTP/2 asks for them: no task stands between the queue and the
//! connection, and a peer that does not read is one that does not ask.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Interval, MissedTickBehavior};

use super::Link;
use crate::faults::Gate;
use crate::grpc::Outgoing;
use crate::outbox::{Batch, Take};
use crate::wire::{Frame, Head, Hello, decode_prefix, encode};

/// What passes the gate of the link's faults.
#[derive(Clone, Debug)]
enum Item {
    Hello,
    /// One frame, its number and its bytes.
    Frame(u64, Vec<u8>),
}

/// The sending half of a session. It ends with the session.
#[derive(Debug)]
pub(crate) struct Messages {
    link: Arc<Link>,
    hello: Vec<u8>,
    session: u64,
    tick: Interval,
    gate: Gate<Item>,
    over: bool,
}

impl Messages {
    pub(crate) fn new(link: Arc<Link>, hello: Hello, heartbeat: Duration, seed: u64) -> Self {
        let session = hello.session;
        let mut tick = tokio::time::interval(heartbeat);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let gate = Gate::new(Arc::clone(&link.fault), seed);
        Self {
            link,
            hello: encode(&Head::Hello(hello)).unwrap_or_default(),
            session,
            tick,
            gate,
            over: false,
        }
    }

    fn message(&self, head: &Head, rest: Vec<u8>, frames: u64) -> Option<Outgoing> {
        let head = encode(head).ok()?;
        let counters = &self.link.counters;
        counters.frames_sent.add(frames);
        counters.bytes_sent.add((head.len() + rest.len()) as u64);
        counters.batches_sent.add(1);
        Some(Outgoing { head, rest })
    }

    fn item(&self, item: Item) -> Option<Outgoing> {
        match item {
            Item::Hello => Some(Outgoing {
                head: self.hello.clone(),
                rest: Vec::new(),
            }),
            Item::Frame(first, bytes) => self.message(&Head::Frames { first }, bytes, 1),
        }
    }

    /// Hands a batch to the gate, frame by frame.
    fn split(&mut self, batch: &Batch) {
        let mut rest = &batch.frames[..];
        let mut number = batch.first;
        while let Ok((_, behind)) = decode_prefix::<Frame<'_>>(rest) {
            let (frame, behind) = rest.split_at(rest.len() - behind.len());
            self.gate.push(Item::Frame(number, frame.to_vec()));
            number += 1;
            rest = behind;
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        let mut ticked = false;
        // Until it is pending, so that the next tick wakes this.
        while self.tick.poll_tick(cx).is_ready() {
            ticked = true;
        }
        loop {
            if let Poll::Ready(item) = self.gate.poll_pop(cx) {
                return Poll::Ready(self.item(item));
            }
            if ticked {
                self.link.outbox.beat(self.session);
            }
            match self.link.outbox.poll_take(self.session, cx) {
                Poll::Ready(Take::Opening) => {
                    if !std::mem::take(&mut ticked) {
                        return Poll::Pending;
                    }
                    if self.gate.is_open() {
                        return Poll::Ready(self.item(Item::Hello));
                    }
                    self.gate.push(Item::Hello);
                }
                Poll::Ready(Take::Frames(batch)) => {
                    if self.gate.is_open() {
                        let first = batch.first;
                        let head = Head::Frames { first };
                        return Poll::Ready(self.message(&head, batch.frames, batch.count));
                    }
                    self.split(&batch);
                }
                Poll::Ready(Take::Farewell(refusal)) => {
                    self.over = true;
                    return Poll::Ready(self.message(&Head::Refused(refusal), Vec::new(), 0));
                }
                Poll::Ready(Take::Over) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
            ticked = false;
        }
    }
}

impl Stream for Messages {
    type Item = Outgoing;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        if self.over {
            return Poll::Ready(None);
        }
        self.poll_message(cx)
    }
}
