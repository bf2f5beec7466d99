//! The first command of a leader.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::ConsensusError;

/// How long an attempt to open an epoch may take before it is made again.
const LIMIT: Duration = Duration::from_secs(1);

/// The pause after an attempt that failed at once.
const PAUSE: Duration = Duration::from_millis(5);

type Attempt = Pin<Box<dyn Future<Output = Result<u64, ConsensusError>> + Send>>;

/// A leader's first command, tried until it is applied or the leadership is over (P4).
pub struct Opening<B> {
    of: Option<B>,
    attempt: Option<Attempt>,
    opened: Option<B>,
}

impl<B> Default for Opening<B> {
    fn default() -> Self {
        Self {
            of: None,
            attempt: None,
            opened: None,
        }
    }
}

impl<B: Copy + Eq> Opening<B> {
    /// Follows the engine: this node leads under a ballot, or not at all. `open` proposes the opening
    /// command under it; it is called for a ballot that is not open, while no attempt is under way.
    pub fn attend<F>(&mut self, leads: Option<B>, open: impl FnOnce(B) -> F)
    where
        F: Future<Output = Result<u64, ConsensusError>> + Send + 'static,
    {
        if self.of != leads {
            self.of = leads;
            self.attempt = None;
        }
        let Some(ballot) = leads.filter(|ballot| self.opened != Some(*ballot)) else {
            return;
        };
        if self.attempt.is_some() {
            return;
        }
        let opening = open(ballot);
        self.attempt = Some(Box::pin(async move {
            let late = |_| Err(ConsensusError::transient("no quorum opened the epoch yet"));
            let outcome = timeout(LIMIT, opening).await.unwrap_or_else(late);
            if outcome.is_err() {
                sleep(PAUSE).await;
            }
            outcome
        }));
    }

    /// Returns when the attempt that is under way has ended; waits for ever if there is none.
    /// Cancel-safe: the attempt goes on at the next call.
    ///
    /// # Errors
    /// The attempt's; another is made at the next [`attend`](Self::attend).
    pub async fn attempt(&mut self) -> Result<(), ConsensusError> {
        let Some(attempt) = &mut self.attempt else {
            return std::future::pending().await;
        };
        let outcome = attempt.await;
        self.attempt = None;
        outcome?;
        self.opened = self.of;
        Ok(())
    }

    /// The ballot whose epoch was opened last on this node.
    #[must_use]
    pub const fn opened(&self) -> Option<B> {
        self.opened
    }
}

impl<B: fmt::Debug> fmt::Debug for Opening<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("of", &self.of)
            .field("under_way", &self.attempt.is_some())
            .field("opened", &self.opened)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_opening_is_tried_until_it_is_applied_and_ends_with_its_ballot() {
        let mut opening = Opening::default();
        let refused = async || Err(ConsensusError::transient("not yet"));
        opening.attend(Some(1), |_| refused());
        assert!(opening.attempt().await.is_err());
        assert_eq!(opening.opened(), None);
        opening.attend(Some(1), |_| std::future::pending());
        opening.attend(Some(2), |ballot| async move { Ok(ballot) });
        assert!(opening.attempt().await.is_ok());
        assert_eq!(opening.opened(), Some(2));
        opening.attend(Some(2), |_| refused());
        assert!(opening.attempt().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_without_an_answer_is_given_up() {
        let mut opening = Opening::default();
        opening.attend(Some(1), |_| std::future::pending());
        assert!(opening.attempt().await.is_err());
    }
}
