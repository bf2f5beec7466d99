//! L1, L4, L5: what a leadership stream can do wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::future::ready;
use futures_util::{FutureExt, StreamExt, stream};
use tsoracle_consensus::{ConsensusError, LeaderState, LeadershipStream};

use super::spoiled::{Defect, Life, exhibit};
use crate::exhibit::Exhibit;

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        exhibit::<FirstItemLate>(),
        exhibit::<FirstItemStale>(),
        exhibit::<NeverEnds>(),
        exhibit::<LastStateSwallowed>(),
        exhibit::<UnreadMissesTheEnd>(),
        exhibit::<LateOneHangs>(),
        exhibit::<LateOneSaysLeader>(),
        exhibit::<OneReaderOnly>(),
        exhibit::<HundredReaders>(),
        exhibit::<DropEndsOthers>(),
    ]
}

/// The first item needs a second poll.
#[derive(Default)]
struct FirstItemLate;

#[async_trait]
impl Defect for FirstItemLate {
    const NAME: &'static str = "stream_first_item_late";
    const FAILS: &'static [&'static str] = &["first_item_is_ready"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let states = life.honest.leadership_events();
        let late = tokio::task::yield_now().map(|()| states);
        late.flatten_stream().boxed()
    }
}

/// Every stream begins at the beginning.
#[derive(Default)]
struct FirstItemStale;

#[async_trait]
impl Defect for FirstItemStale {
    const NAME: &'static str = "stream_first_item_stale";
    const FAILS: &'static [&'static str] = &["first_item_is_current", "resubscribe_many_times"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let stale = stream::iter([LeaderState::NoLeader]);
        stale.chain(life.honest.leadership_events()).boxed()
    }
}

/// The stream goes silent at a shutdown.
#[derive(Default)]
struct NeverEnds;

#[async_trait]
impl Defect for NeverEnds {
    const NAME: &'static str = "stream_never_ends";
    const FAILS: &'static [&'static str] = &["stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let states = life.honest.leadership_events();
        states.chain(stream::pending()).boxed()
    }
}

/// The stream ends, and its reader still thinks that the node leads.
#[derive(Default)]
struct LastStateSwallowed;

#[async_trait]
impl Defect for LastStateSwallowed {
    const NAME: &'static str = "stream_last_state_swallowed";
    const FAILS: &'static [&'static str] = &["resubscribe_many_times", "stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let states = life.honest.leadership_events();
        let leads = |state: &LeaderState| ready(state.leading_epoch().is_some());
        states.filter(leads).boxed()
    }
}

/// The first item is taken when the stream is made, and the next one is taken for it.
#[derive(Default)]
struct UnreadMissesTheEnd;

#[async_trait]
impl Defect for UnreadMissesTheEnd {
    const NAME: &'static str = "stream_unread_misses_the_end";
    const FAILS: &'static [&'static str] = &["resubscribe_many_times", "stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let changes = life.honest.leadership_events().skip(1);
        stream::iter(life.state()).chain(changes).boxed()
    }
}

/// After the shutdown nobody is left to end a new stream.
#[derive(Default)]
struct LateOneHangs(AtomicBool);

#[async_trait]
impl Defect for LateOneHangs {
    const NAME: &'static str = "stream_opened_late_hangs";
    const FAILS: &'static [&'static str] = &["stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        if life.defect.0.load(Ordering::SeqCst) {
            return stream::pending().boxed();
        }
        life.honest.leadership_events()
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        life.defect.0.store(true, Ordering::SeqCst);
        life.node.shutdown().await
    }
}

/// After the shutdown a new stream shows what was true before it.
#[derive(Default)]
struct LateOneSaysLeader(std::sync::OnceLock<LeaderState>);

#[async_trait]
impl Defect for LateOneSaysLeader {
    const NAME: &'static str = "stream_opened_late_says_leader";
    const FAILS: &'static [&'static str] = &["stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        match life.defect.0.get() {
            Some(state) => stream::iter([state.clone()]).boxed(),
            None => life.honest.leadership_events(),
        }
    }

    async fn shutdown(life: &Arc<Life<Self>>) -> Result<(), ConsensusError> {
        if let Some(state) = life.state() {
            life.defect.0.get_or_init(|| state);
        }
        life.node.shutdown().await
    }
}

/// A new subscription takes the place of the one before.
#[derive(Default)]
struct OneReaderOnly(Arc<AtomicU64>);

#[async_trait]
impl Defect for OneReaderOnly {
    const NAME: &'static str = "stream_has_one_reader_only";
    const FAILS: &'static [&'static str] = &["resubscribe_many_times", "stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let newest = Arc::clone(&life.defect.0);
        let own = newest.fetch_add(1, Ordering::SeqCst) + 1;
        let states = life.honest.leadership_events();
        states
            .take_while(move |_| ready(newest.load(Ordering::SeqCst) == own))
            .boxed()
    }
}

/// A table of subscriptions that is never cleaned up is full.
#[derive(Default)]
struct HundredReaders(AtomicU64);

#[async_trait]
impl Defect for HundredReaders {
    const NAME: &'static str = "stream_has_a_hundred_readers";
    const FAILS: &'static [&'static str] = &["resubscribe_many_times"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        if life.defect.0.fetch_add(1, Ordering::SeqCst) >= 100 {
            return stream::empty().boxed();
        }
        life.honest.leadership_events()
    }
}

/// A reader that goes takes those who are there along.
#[derive(Default)]
struct DropEndsOthers(Arc<AtomicU64>);

#[async_trait]
impl Defect for DropEndsOthers {
    const NAME: &'static str = "stream_drop_ends_others";
    const FAILS: &'static [&'static str] = &["resubscribe_many_times", "stream_ends_at_shutdown"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        let farewell = Farewell(Arc::clone(&life.defect.0));
        let before = farewell.0.load(Ordering::SeqCst);
        let states = life.honest.leadership_events();
        states
            .take_while(move |_| ready(farewell.0.load(Ordering::SeqCst) == before))
            .boxed()
    }
}

struct Farewell(Arc<AtomicU64>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
