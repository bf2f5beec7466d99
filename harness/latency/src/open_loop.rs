//! Calls at intended times, whether or not the earlier ones have ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, Stream};

use crate::alternate::Block;
use crate::time::Time;
use crate::{LatencyError, Sends};

const PS_PER_NS: u64 = 1_000;

/// When calls are made, and how many may be under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) calls: u32,
    pub(crate) interval_ns: u64,
    pub(crate) in_flight_max: usize,
    /// How far behind its end the schedule is given up, and how long calls may then still take.
    pub(crate) grace_ns: u64,
}

impl Schedule {
    /// Calls beyond these wait, and count from their intended time.
    const IN_FLIGHT_MAX: usize = 1_024;

    pub(crate) fn at_rate(rate_per_s: u32, calls: u32, grace_ns: u64) -> Self {
        Self {
            calls,
            interval_ns: 1_000_000_000 / u64::from(rate_per_s.max(1)),
            in_flight_max: Self::IN_FLIGHT_MAX,
            grace_ns,
        }
    }
}

/// What an open loop saw.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Every call that was made has ended.
    All(Block, Sends),
    /// Some calls were still under way when even the grace was over.
    Hung,
}

/// Makes the calls of `schedule` and waits for all of them.
///
/// Each sample runs from the *intended* time of its call to its end, so that calls which a stall
/// kept from being made count in full. A call that blocks this thread delays later ones and is
/// accounted in the same way: that is how a floor runs.
pub(crate) fn open_loop<'a>(
    time: &'a dyn Time,
    schedule: Schedule,
    mut call: impl FnMut() -> LocalBoxFuture<'a, Result<(), LatencyError>>,
) -> Result<Ended, LatencyError> {
    let mut running = Running::new(time, schedule);
    let mut context = Context::from_waker(time.waker());
    loop {
        let now_ns = time.now_ns();
        running.give_up_on_late_sends(now_ns);
        if running.is_due(now_ns) {
            running.send(now_ns, call());
        }
        match Pin::new(&mut running.in_flight).poll_next(&mut context) {
            Poll::Ready(Some(sample_ps)) => running.samples.push(sample_ps?),
            Poll::Ready(None) if !running.has_more() => {
                return Ok(Ended::All(running.samples, running.sends));
            }
            Poll::Pending if now_ns >= running.give_up_ns() => return Ok(Ended::Hung),
            Poll::Ready(None) | Poll::Pending => time.wait_until(running.next_event_ns()),
        }
    }
}

/// An open loop under way.
struct Running<'a> {
    time: &'a dyn Time,
    schedule: Schedule,
    begin_ns: u64,
    next: u64,
    in_flight: FuturesUnordered<LocalBoxFuture<'a, Result<u64, LatencyError>>>,
    samples: Block,
    sends: Sends,
}

impl<'a> Running<'a> {
    fn new(time: &'a dyn Time, schedule: Schedule) -> Self {
        Self {
            time,
            schedule,
            begin_ns: time.now_ns() + schedule.interval_ns,
            next: 0,
            in_flight: FuturesUnordered::new(),
            samples: Block::with_capacity(schedule.calls as usize),
            sends: Sends::default(),
        }
    }

    fn has_more(&self) -> bool {
        self.next < u64::from(self.schedule.calls)
    }

    /// Whether another call may be made as soon as its time has come.
    fn has_room(&self) -> bool {
        self.has_more() && self.in_flight.len() < self.schedule.in_flight_max
    }

    fn intended_ns(&self, call: u64) -> u64 {
        self.begin_ns + call * self.schedule.interval_ns
    }

    fn is_due(&self, now_ns: u64) -> bool {
        self.has_room() && now_ns >= self.intended_ns(self.next)
    }

    fn stop_sending_ns(&self) -> u64 {
        self.intended_ns(u64::from(self.schedule.calls)) + self.schedule.grace_ns
    }

    fn give_up_ns(&self) -> u64 {
        self.stop_sending_ns() + self.schedule.grace_ns
    }

    fn next_event_ns(&self) -> u64 {
        if self.has_room() {
            self.intended_ns(self.next)
        } else if self.has_more() {
            self.stop_sending_ns()
        } else {
            self.give_up_ns()
        }
    }

    fn send(&mut self, now_ns: u64, call: LocalBoxFuture<'a, Result<(), LatencyError>>) {
        let (time, intended_ns) = (self.time, self.intended_ns(self.next));
        self.in_flight.push(Box::pin(async move {
            call.await?;
            Ok((time.now_ns() - intended_ns).saturating_mul(PS_PER_NS))
        }));
        self.next += 1;
        self.sends.sent += 1;
        self.sends.late += u64::from(now_ns - intended_ns > self.schedule.interval_ns / 2);
        let in_flight = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        self.sends.peak_in_flight = self.sends.peak_in_flight.max(in_flight);
    }

    fn give_up_on_late_sends(&mut self, now_ns: u64) {
        if self.has_more() && now_ns >= self.stop_sending_ns() {
            self.sends.unsent = u64::from(self.schedule.calls) - self.next;
            self.next = u64::from(self.schedule.calls);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::testing::VirtualTime;

    const INTERVAL_NS: u64 = 1_000;

    fn schedule(calls: u32) -> Schedule {
        Schedule {
            calls,
            interval_ns: INTERVAL_NS,
            in_flight_max: 16,
            grace_ns: 50 * INTERVAL_NS,
        }
    }

    fn ended(ended: Result<Ended, LatencyError>) -> (Vec<u64>, Sends) {
        match ended.unwrap() {
            Ended::All(samples, sends) => {
                (samples.iter().map(|ps| ps / PS_PER_NS).collect(), sends)
            }
            Ended::Hung => panic!("the loop hung"),
        }
    }

    #[test]
    fn without_a_stall_every_sample_is_the_service_time() {
        let time = VirtualTime::default();
        let call = || time.sleep(300).map(Ok).boxed_local();
        let (samples, sends) = ended(open_loop(&time, schedule(20), call));
        assert_eq!(samples, vec![300; 20]);
        assert_eq!(
            (sends.sent, sends.late, sends.unsent, sends.peak_in_flight),
            (20, 0, 0, 1)
        );
    }

    #[test]
    fn slow_calls_overlap() {
        let time = VirtualTime::default();
        let call = || time.sleep(4_500).map(Ok).boxed_local();
        let (samples, sends) = ended(open_loop(&time, schedule(20), call));
        assert_eq!(samples, vec![4_500; 20]);
        assert_eq!((sends.late, sends.peak_in_flight), (0, 5));
    }

    /// The test of coordinated omission: one stall of k intervals shows in k samples, the longest
    /// being the stall itself and each later one shorter by an interval.
    #[test]
    fn a_stall_of_k_intervals_shows_k_late_samples() {
        for k in [1, 2, 7] {
            let time = VirtualTime::default();
            let mut made = 0;
            let call = || {
                made += 1;
                let stalls = made == 5;
                let time = &time;
                async move {
                    time.block(if stalls { k * INTERVAL_NS } else { 10 });
                    Ok(())
                }
                .boxed_local()
            };
            let (samples, sends) = ended(open_loop(&time, schedule(40), call));
            let behind = samples.iter().filter(|ns| **ns >= INTERVAL_NS).count();
            assert_eq!(behind as u64, k, "{samples:?}");
            assert_eq!(samples.iter().max(), Some(&(k * INTERVAL_NS)));
            assert_eq!(
                sends.late,
                k - 1,
                "the stalled call itself was made in time"
            );
            assert_eq!((sends.sent, sends.unsent), (40, 0));
        }
    }

    #[test]
    fn calls_beyond_the_bound_wait_and_count_from_their_intended_time() {
        let time = VirtualTime::default();
        let mut bounded = schedule(4);
        bounded.in_flight_max = 1;
        let call = || time.sleep(2_000).map(Ok).boxed_local();
        let (samples, sends) = ended(open_loop(&time, bounded, call));
        assert_eq!(samples, vec![2_000, 3_000, 4_000, 5_000]);
        assert_eq!((sends.late, sends.peak_in_flight), (3, 1));
    }

    #[test]
    fn what_is_never_sent_is_counted() {
        let time = VirtualTime::default();
        let mut short = schedule(10);
        short.in_flight_max = 1;
        short.grace_ns = 5 * INTERVAL_NS;
        let call = || time.sleep(4_000).map(Ok).boxed_local();
        let (samples, sends) = ended(open_loop(&time, short, call));
        assert_eq!(sends.sent + sends.unsent, 10);
        assert!(
            sends.unsent > 0 && samples.len() as u64 == sends.sent,
            "{sends:?}"
        );
    }

    #[test]
    fn a_call_that_never_ends_is_noticed() {
        let time = VirtualTime::default();
        let call = || std::future::pending().boxed_local();
        let ended = open_loop(&time, schedule(3), call).unwrap();
        assert!(matches!(ended, Ended::Hung));
    }
}
