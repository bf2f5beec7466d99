//! The stream of leadership states, and the one publisher that feeds any number of them.

use futures_core::stream::BoxStream;
use futures_util::stream;
use tokio::sync::watch;

use crate::LeaderState;

/// A view of one node's leadership (clauses L1 to L5).
pub type LeadershipStream = BoxStream<'static, LeaderState>;

/// Feeds leadership streams: a driver publishes, any number of readers follow.
///
/// It keeps the half of the contract that has nothing to do with an engine: a new stream yields
/// the current state on its first poll (L1), a slow reader sees coalesced states and always the
/// last one (L4), every stream ends after [`end`](Self::end) or when the publisher is dropped (S3),
/// and streams are independent of each other (L5).
#[derive(Debug)]
pub struct LeadershipPublisher {
    state: watch::Sender<Published>,
}

#[derive(Clone, Debug)]
struct Published {
    state: LeaderState,
    ended: bool,
}

impl LeadershipPublisher {
    /// A publisher whose current state is `initial`.
    #[must_use]
    pub fn new(initial: LeaderState) -> Self {
        Self {
            state: watch::Sender::new(Published {
                state: initial,
                ended: false,
            }),
        }
    }

    /// Shows `state` to every stream, unless it is shown already or the streams have ended.
    pub fn publish(&self, state: LeaderState) {
        self.state.send_if_modified(|published| {
            let changes = !published.ended && published.state != state;
            if changes {
                published.state = state;
            }
            changes
        });
    }

    /// Shows `last` and ends every stream after it, later ones too. Only the first call counts.
    pub fn end(&self, last: LeaderState) {
        self.state.send_if_modified(|published| {
            let first = !published.ended;
            if first {
                *published = Published {
                    state: last,
                    ended: true,
                };
            }
            first
        });
    }

    /// What a new stream would yield first.
    #[must_use]
    pub fn current(&self) -> LeaderState {
        self.state.borrow().state.clone()
    }

    /// A new stream.
    #[must_use]
    pub fn subscribe(&self) -> LeadershipStream {
        let next = Next::First(self.state.subscribe());
        Box::pin(stream::unfold(next, |next| async move {
            let mut reader = match next {
                // Not awaited: a task that has used up its budget would find it pending (L1).
                Next::First(reader) => reader,
                Next::Change(mut reader) => {
                    reader.changed().await.ok()?;
                    reader
                }
                Next::End => return None,
            };
            let Published { state, ended } = reader.borrow_and_update().clone();
            let next = if ended {
                Next::End
            } else {
                Next::Change(reader)
            };
            Some((state, next))
        }))
    }
}

/// What a stream yields next.
enum Next {
    First(watch::Receiver<Published>),
    Change(watch::Receiver<Published>),
    End,
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::{Epoch, LeaseHolder};

    #[test]
    fn the_first_item_is_ready_and_current() {
        let publisher = LeadershipPublisher::new(LeaderState::NoLeader);
        publisher.publish(LeaderState::Candidate);
        let mut states = publisher.subscribe();
        assert_eq!(
            states.next().now_or_never(),
            Some(Some(LeaderState::Candidate))
        );
        assert_eq!(states.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn the_first_item_is_ready_to_a_task_that_never_yields() {
        let publisher = LeadershipPublisher::new(LeaderState::Candidate);
        for subscription in 0..1_000 {
            let first = publisher.subscribe().next().now_or_never();
            assert_eq!(first, Some(Some(LeaderState::Candidate)), "{subscription}");
        }
    }

    #[test]
    fn states_coalesce_and_the_last_one_arrives() {
        let publisher = LeadershipPublisher::new(LeaderState::NoLeader);
        let mut states = publisher.subscribe();
        let holder = LeaseHolder::until(crate::BootInstant::FAR_FUTURE);
        let leader = LeaderState::Leader {
            epoch: Epoch::new(1),
            lease: holder.lease(),
        };
        publisher.publish(LeaderState::Candidate);
        publisher.publish(leader.clone());
        publisher.publish(leader.clone());
        assert_eq!(states.next().now_or_never(), Some(Some(leader)));
        assert_eq!(states.next().now_or_never(), None);
    }

    #[test]
    fn the_last_state_is_delivered_before_the_end() {
        let publisher = LeadershipPublisher::new(LeaderState::Candidate);
        let mut early = publisher.subscribe();
        publisher.end(LeaderState::NoLeader);
        publisher.publish(LeaderState::Candidate);
        let mut late = publisher.subscribe();
        for states in [&mut early, &mut late] {
            assert_eq!(
                states.next().now_or_never(),
                Some(Some(LeaderState::NoLeader))
            );
            assert_eq!(states.next().now_or_never(), Some(None));
        }
    }

    #[test]
    fn a_dropped_publisher_ends_its_streams() {
        let publisher = LeadershipPublisher::new(LeaderState::NoLeader);
        let mut states = publisher.subscribe();
        assert!(states.next().now_or_never().is_some());
        drop(publisher);
        assert_eq!(states.next().now_or_never(), Some(None));
    }
}
