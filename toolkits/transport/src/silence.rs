//! Notices that nothing was heard for a while, without reading the clock for each thing heard.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// The time of silence is looked at in so many steps.
const STEPS: u32 = 4;

/// Watches one end of a session.
#[derive(Debug)]
pub(crate) struct Silence {
    tick: Interval,
    /// Steps since something was heard.
    steps: u32,
}

impl Silence {
    /// Something is heard now. Silence is noticed between one and five quarters of `limit` after
    /// the last sound.
    pub(crate) fn new(limit: Duration) -> Self {
        let mut tick = interval(limit / STEPS);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { tick, steps: 0 }
    }

    pub(crate) fn heard(&mut self) {
        self.steps = 0;
    }

    /// Waits for the end of patience. Cancel-safe.
    pub(crate) async fn broken(&mut self) {
        loop {
            self.tick.tick().await;
            self.steps += 1;
            if self.steps > STEPS + 1 {
                return;
            }
        }
    }
}
