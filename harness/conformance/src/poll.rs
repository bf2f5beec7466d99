//! Futures that are dropped on the way.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_util::future::poll_fn;

/// Polls a future, each time that it wakes, until it is ready or has been pending `polls` times;
/// then drops it. Returns `None` for a future that was dropped pending, or never polled.
pub(crate) async fn poll_at_most<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    poll_pinned(polls, pin!(future)).await
}

/// As [`poll_at_most`], for a future that its owner drops later.
pub(crate) async fn poll_pinned<T>(
    polls: usize,
    mut future: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pending twice.
    async fn slow() -> u64 {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        7
    }

    #[tokio::test]
    async fn a_future_is_dropped_after_the_polls_that_it_may_have() {
        assert_eq!(poll_at_most(0, async { 7 }).await, None);
        assert_eq!(poll_at_most(1, async { 7 }).await, Some(7));
        assert_eq!(poll_at_most(2, slow()).await, None);
        assert_eq!(poll_at_most(3, slow()).await, Some(7));
    }
}
