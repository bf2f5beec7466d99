//! What became of every probe.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tsoracle_consensus::{BootInstant, Epoch};

/// One request of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When it was to be sent; its time counts from here.
    pub intended: BootInstant,
    /// When it was answered, or given up.
    pub ended: BootInstant,
    /// The place and the epoch under which it was acknowledged; `None` for one that was given up.
    pub answer: Option<(usize, Epoch)>,
    /// The calls that it took, redirects among them.
    pub calls: u32,
}

/// The refusals of one class that the calls of probes met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorClass {
    /// A class of the contract; `Down` for a call to a node that does not run, `Unanswered` for one
    /// that was given up.
    pub class: String,
    /// How many.
    pub count: u64,
    /// The median time from the call to its refusal, in milliseconds.
    pub p50_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
}

/// What a prober saw.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// Every probe that has ended, in the order of their ends.
    pub probes: Vec<Probe>,
    /// What their calls were refused with.
    pub errors: Vec<ErrorClass>,
}

impl Probes {
    /// The share of the probes intended in a span of time that were answered; `None` if there were
    /// none.
    #[must_use]
    pub fn availability(&self, from: BootInstant, until: BootInstant) -> Option<f64> {
        let intended = |probe: &&Probe| (from..until).contains(&probe.intended);
        let (mut all, mut answered) = (0_u32, 0_u32);
        for probe in self.probes.iter().filter(intended) {
            all += 1;
            answered += u32::from(probe.answer.is_some());
        }
        (all > 0).then(|| f64::from(answered) / f64::from(all))
    }
}

/// Where clients write down what they see.
#[derive(Debug, Default)]
pub(super) struct Record {
    probes: Mutex<Vec<Probe>>,
    refused: Mutex<BTreeMap<&'static str, Vec<Duration>>>,
}

impl Record {
    pub(super) fn note(&self, probe: Probe) {
        lock(&self.probes).push(probe);
    }

    pub(super) fn refused(&self, class: &'static str, took: Duration) {
        lock(&self.refused).entry(class).or_default().push(took);
    }

    pub(super) fn last_answer(&self) -> Option<Probe> {
        let probes = lock(&self.probes);
        probes
            .iter()
            .rev()
            .find(|probe| probe.answer.is_some())
            .copied()
    }

    pub(super) fn read(&self) -> Probes {
        let errors = lock(&self.refused);
        Probes {
            probes: lock(&self.probes).clone(),
            errors: errors
                .iter()
                .map(|(class, took)| of_class(class, took))
                .collect(),
        }
    }
}

fn of_class(class: &str, took: &[Duration]) -> ErrorClass {
    let mut took_ms: Vec<f64> = took.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    took_ms.sort_by(f64::total_cmp);
    ErrorClass {
        class: class.to_owned(),
        count: took.len() as u64,
        p50_ms: took_ms.get(took_ms.len() / 2).copied().unwrap_or_default(),
        max_ms: took_ms.last().copied().unwrap_or_default(),
    }
}

/// What it guards is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
