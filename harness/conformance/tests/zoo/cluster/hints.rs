//! L6: hints that mislead, and hints that are not there.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::StreamExt;
use tsoracle_consensus::{ConsensusError, Epoch, LeaderHint, LeaderState, LeadershipStream};

use super::exhibit;
use crate::exhibit::Exhibit;
use crate::memory::spoiled::{Defect, Life, cluster_exhibit, lock};

pub(super) fn exhibits() -> Vec<Exhibit> {
    vec![
        cluster_exhibit::<WithAScheme>(),
        cluster_exhibit::<FirstEpoch>(),
        cluster_exhibit::<NoHintInAnswers>(),
        cluster_exhibit::<NoHintAtAll>(),
        exhibit(
            "hint_shows_the_peer",
            |rules| rules.hints_show_the_service = false,
            &[
                "hint_is_service_endpoint",
                "hint_is_never_a_candidate",
                "heal_converges",
            ],
        ),
        exhibit(
            "hint_from_a_promise",
            |rules| rules.hints_name_granted_leaders = false,
            &["hint_is_never_a_candidate"],
        ),
    ]
}

/// The reference's stream with other hints.
fn with_hints<D: Defect>(
    life: &Arc<Life<D>>,
    change: impl Fn(&Life<D>, LeaderHint) -> Option<LeaderHint> + Send + 'static,
) -> LeadershipStream {
    let states = life.honest.leadership_events();
    let life = Arc::clone(life);
    let change = move |state| match state {
        LeaderState::Follower { leader } => LeaderState::Follower {
            leader: leader.and_then(|hint| change(&life, hint)),
        },
        other => other,
    };
    states.map(change).boxed()
}

/// An answer with another hint.
fn rehint<T>(
    answer: Result<T, ConsensusError>,
    change: impl FnOnce(LeaderHint) -> Option<LeaderHint>,
) -> Result<T, ConsensusError> {
    answer.map_err(|refusal| match refusal {
        ConsensusError::NotLeader { leader } => ConsensusError::NotLeader {
            leader: leader.and_then(change),
        },
        other => other,
    })
}

/// The hint is an address to dial, with its scheme.
#[derive(Default)]
struct WithAScheme;

impl WithAScheme {
    fn change(mut hint: LeaderHint) -> Option<LeaderHint> {
        hint.endpoint.insert_str(0, "http://");
        Some(hint)
    }
}

#[async_trait]
impl Defect for WithAScheme {
    const NAME: &'static str = "hint_has_a_scheme_in_answers";
    const FAILS: &'static [&'static str] =
        &["hint_is_never_a_candidate", "hint_is_service_endpoint"];
    type Store = ();

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        rehint(life.honest.load_high_water().await, Self::change)
    }
}

/// A hint keeps the epoch that the first one had.
#[derive(Default)]
struct FirstEpoch(Mutex<Option<Epoch>>);

#[async_trait]
impl Defect for FirstEpoch {
    const NAME: &'static str = "hint_keeps_its_first_epoch";
    const FAILS: &'static [&'static str] = &["hint_is_service_endpoint"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        with_hints(life, |life, hint| {
            let epoch = *lock(&life.defect.0).get_or_insert(hint.epoch);
            Some(LeaderHint { epoch, ..hint })
        })
    }
}

/// Streams know the leader, and answers do not.
#[derive(Default)]
struct NoHintInAnswers;

#[async_trait]
impl Defect for NoHintInAnswers {
    const NAME: &'static str = "hint_is_missing_in_answers";
    const FAILS: &'static [&'static str] = &["hint_is_service_endpoint"];
    type Store = ();

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let answer = life.honest.persist_high_water(at_least, epoch).await;
        rehint(answer, |_| None)
    }
}

/// Nobody is ever told where the leader is.
#[derive(Default)]
struct NoHintAtAll;

#[async_trait]
impl Defect for NoHintAtAll {
    const NAME: &'static str = "hint_is_always_none";
    const FAILS: &'static [&'static str] = &["hint_is_service_endpoint", "heal_converges"];
    type Store = ();

    fn events(life: &Arc<Life<Self>>) -> LeadershipStream {
        with_hints(life, |_, _| None)
    }

    async fn load(life: &Arc<Life<Self>>) -> Result<u64, ConsensusError> {
        rehint(life.honest.load_high_water().await, |_| None)
    }

    async fn persist(
        life: &Arc<Life<Self>>,
        at_least: u64,
        epoch: Epoch,
    ) -> Result<u64, ConsensusError> {
        let answer = life.honest.persist_high_water(at_least, epoch).await;
        rehint(answer, |_| None)
    }
}
