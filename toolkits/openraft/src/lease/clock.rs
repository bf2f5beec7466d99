//! A clock for tests that pause the time.

use tsoracle_lease::{Clock, Reading};

/// The clock of the Tokio runtime, which a test may pause.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock(tokio::time::Instant);

impl Default for TokioClock {
    fn default() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Reading {
        Reading::ZERO.saturating_add(self.0.elapsed())
    }
}
