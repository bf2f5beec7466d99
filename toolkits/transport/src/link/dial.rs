//! Keeps the link to a peer up: dials, opens sessions, and hears what the peer says of them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

use super::Link;
use super::stream::Messages;
use crate::grpc::{Dialed, Incomings, late, unconnected};
use crate::link::Deliver;
use crate::outbox::Down;
use crate::shared::Shared;
use crate::silence::Silence;
use crate::wire::{Hello, Notice, decode, unreadable};
use crate::{EndReason, Me, Refusal, Session, Timing};

/// Runs until it is dropped.
pub(crate) async fn keep_up(shared: Arc<Shared>, link: Arc<Link>) {
    let times = shared.settings.times;
    let mut rng = ChaCha8Rng::seed_from_u64(shared.seed_of(link.peer.node));
    let mut failures = 0_u32;
    loop {
        let session = Session {
            incarnation: shared.settings.me.incarnation,
            number: shared.next_session(),
        };
        link.counters.connects.add(1);
        let mut attempt = Attempt {
            shared: &shared,
            link: &link,
            session,
            up_since: None,
            refused: None,
        };
        let down = attempt.run(rng.random()).await;
        let lasted = attempt.up_since.map(|since| since.elapsed());
        let reason = ended_as(&down);
        link.outbox.end(session.number, &reason);
        link.outbox.backoff(down);
        link.retract(&reason);
        match lasted {
            None => {
                link.counters.connects_failed.add(1);
                failures += 1;
            }
            Some(lasted) if lasted < times.reconnect_max => failures += 1,
            Some(_) => failures = 0,
        }
        if let Some(longest) = pause(failures, times.reconnect_min, times.reconnect_max) {
            let wait = longest.mul_f64(rng.random_range(0.5..=1.0));
            tokio::select! {
                () = sleep(wait) => {}
                () = link.wake.notified() => {}
            }
        }
        link.outbox.connecting();
    }
}

/// The longest pause after so many failures in a row: none after a session that lasted.
fn pause(failures: u32, min: Duration, max: Duration) -> Option<Duration> {
    let doublings = failures.checked_sub(1)?.min(16);
    Some(min.saturating_mul(1 << doublings).min(max))
}

fn ended_as(down: &Down) -> EndReason {
    match down {
        Down::Unconnected(why) => EndReason::ConnectionLost(why.clone()),
        Down::Refused(refusal) => EndReason::Refused(refusal.clone()),
        Down::Ended(reason) => reason.clone(),
    }
}

/// One attempt to have a session.
struct Attempt<'a> {
    shared: &'a Arc<Shared>,
    link: &'a Arc<Link>,
    session: Session,
    up_since: Option<Instant>,
    /// Why the peer is refused, while it is being told.
    refused: Option<Refusal>,
}

/// Whether a session goes on.
type Next = Result<(), Down>;

impl Attempt<'_> {
    /// Returns when the session is over, or none came about.
    async fn run(&mut self, seed: u64) -> Down {
        let limit = self.shared.settings.times.handshake;
        let mut connection = match timeout(limit, self.connect()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(down)) => return down,
            Err(_) => return Down::Unconnected(late("connecting").to_string()),
        };
        let hello = Hello {
            me: self.shared.settings.me,
            timing: self.shared.settings.timing,
            to: self.link.peer.node,
            session: self.session.number,
        };
        self.link.outbox.opening(self.session.number);
        let heartbeat = self.shared.settings.times.heartbeat;
        let messages = Messages::new(Arc::clone(self.link), hello, heartbeat, seed);
        let opened = timeout(limit, connection.open(messages)).await;
        let down = match opened {
            Ok(Ok(notices)) => self.hear(notices).await,
            Ok(Err(status)) => Down::Unconnected(status.to_string()),
            Err(_) => Down::Unconnected(late("opening a stream").to_string()),
        };
        drop(connection);
        self.refused.take().map_or(down, Down::Refused)
    }

    async fn connect(&self) -> Result<Dialed, Down> {
        let endpoint = &self.link.peer.endpoint;
        let dialed = self.shared.dialer.dial(endpoint).await;
        let io = dialed.map_err(|error| Down::Unconnected(unconnected(error)))?;
        #[cfg(feature = "tls")]
        let io = match &self.shared.tls {
            None => io,
            Some(tls) => {
                let secured = tls.dial(io, &self.link.peer).await;
                secured.map_err(|error| Down::Unconnected(unconnected(error)))?
            }
        };
        let dialed = Dialed::new(io).await;
        dialed.map_err(|error| Down::Unconnected(unconnected(error)))
    }

    /// Hears the peer until the session is over.
    async fn hear(&mut self, mut notices: Incomings) -> Down {
        let number = self.session.number;
        let times = self.shared.settings.times;
        let handshake = times.handshake + self.link.fault.get().delay;
        let mut opening = Box::pin(sleep(handshake));
        let mut silence = Silence::new(times.silence);
        let link = Arc::clone(self.link);
        let over = link.outbox.over(number);
        tokio::pin!(over);
        let mut ended = false;
        loop {
            let next = tokio::select! {
                biased;
                notice = next(&mut notices), if !ended => {
                    if self.is_cut() {
                        // The end of the stream is lost like any other notice.
                        ended = !matches!(notice, Ok(Some(_)));
                        continue;
                    }
                    silence.heard();
                    self.notice(notice).await
                }
                () = &mut over => Err(self.why_over()),
                () = &mut opening, if self.up_since.is_none() => {
                    Err(Down::Unconnected(late("the handshake").to_string()))
                }
                () = silence.broken(), if self.up_since.is_some() => {
                    Err(Down::Ended(EndReason::Silence))
                }
            };
            if let Err(down) = next {
                return down;
            }
        }
    }

    fn why_over(&self) -> Down {
        let down = self.link.outbox.down();
        down.unwrap_or(Down::Ended(EndReason::Superseded))
    }

    async fn notice(&mut self, notice: Result<Option<Bytes>, Status>) -> Next {
        let notice = match notice {
            Ok(Some(notice)) => notice,
            Ok(None) => return Err(self.lost("the peer ended the stream")),
            Err(status) => return Err(self.lost(status.message())),
        };
        match decode(&notice) {
            Ok(Notice::Accepted(them, timing)) if self.up_since.is_none() => {
                self.accepted(them, timing).await
            }
            Ok(Notice::Accepted(..) | Notice::Alive) => Ok(()),
            Ok(Notice::Refused(refusal)) => {
                self.link.counters.refused_by_peer.add(1);
                let node = Some(self.link.peer.node);
                self.shared.note_refusal(node, false, refusal.clone());
                Err(Down::Refused(refusal))
            }
            Ok(Notice::Ended(reason)) => Err(Down::Ended(reason)),
            Err(error) => self.refuse(unreadable(&error)),
        }
    }

    fn is_cut(&self) -> bool {
        self.link.fault.is_on() && self.link.fault.get().cut
    }

    fn lost(&self, why: &str) -> Down {
        Down::Ended(EndReason::ConnectionLost(why.to_owned()))
    }

    /// The peer took the session and has shown who it is.
    async fn accepted(&mut self, them: Me, timing: Timing) -> Next {
        let checked = self.check(them, timing).await;
        if let Err(refusal) = checked {
            return self.refuse(refusal);
        }
        if !self.link.outbox.up(self.session.number, them.incarnation) {
            return Err(self.why_over());
        }
        self.up_since = Some(Instant::now());
        self.link.announce(self.session);
        Ok(())
    }

    async fn check(&self, them: Me, timing: Timing) -> Result<(), Refusal> {
        let dialed = self.link.peer.node;
        self.shared.check_cluster(&them)?;
        if them.node != dialed {
            return Err(Refusal::WrongNode {
                dialed,
                answered: them.node,
            });
        }
        self.shared.check(them, timing).await?;
        let sink = Deliver(self.link);
        self.link.inbox.meet(them.incarnation, &sink)
    }

    /// Tells the peer that it is refused. The session is over when it has ended the stream, or at
    /// the end of the handshake's time.
    fn refuse(&mut self, refusal: Refusal) -> Next {
        let node = Some(self.link.peer.node);
        self.link.counters.refused_by_us.add(1);
        self.shared.note_refusal(node, true, refusal.clone());
        self.refused = Some(refusal.clone());
        self.link.outbox.farewell(self.session.number, refusal);
        Ok(())
    }
}

/// The next message of a stream.
async fn next(stream: &mut Incomings) -> Result<Option<Bytes>, Status> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx))
        .await
        .transpose()
}
