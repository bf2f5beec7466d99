//! Picks drivers, checks and scenarios by name. An unknown name lists the known ones.

use std::sync::Arc;

use tsoracle_conformance::{ALL, Check};
use tsoracle_scenarios::Scenario;
use tsoracle_testbed::{Backend, Time};

use crate::error::LabError;

/// Which drivers are meant where none is named. Those that run in virtual time never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One of each kind: no variant of another.
    Plain,
    /// Every driver that is for services.
    Services,
    /// Experiments too.
    All,
}

impl Scope {
    fn holds(self, backend: &dyn Backend) -> bool {
        let wanted = match self {
            Self::Plain => backend.variant_of().is_none() && !backend.is_experiment(),
            Self::Services => !backend.is_experiment(),
            Self::All => true,
        };
        wanted && backend.time() == Time::Real
    }
}

/// The named backends, or those of the scope, in their own order.
pub(crate) fn backends(
    known: &[Arc<dyn Backend>],
    names: &[String],
    scope: Scope,
) -> Result<Vec<Arc<dyn Backend>>, LabError> {
    for name in names {
        if !known.iter().any(|backend| matches(name, backend.name())) {
            let list: Vec<_> = known.iter().map(|backend| backend.name()).collect();
            return Err(unknown("driver", name, &list));
        }
    }
    let named = |name: &str| names.iter().any(|n| matches(n, name));
    let wanted = |backend: &dyn Backend| match names {
        [] => scope.holds(backend),
        _ => named(backend.name()),
    };
    Ok(known
        .iter()
        .filter(|backend| wanted(backend.as_ref()))
        .cloned()
        .collect())
}

/// The named checks, or all of them, in the order of the contract.
pub(crate) fn checks(names: &[String]) -> Result<Vec<&'static Check>, LabError> {
    for name in names {
        if !ALL.iter().any(|check| matches(name, check.name)) {
            let list: Vec<_> = ALL.iter().map(|check| check.name).collect();
            return Err(unknown("check", name, &list));
        }
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| matches(n, name));
    Ok(ALL.iter().filter(|check| wanted(check.name)).collect())
}

/// The scenarios that a report is made of, or those that are named.
pub(crate) fn scenarios(names: &[String]) -> Result<Vec<&'static Scenario>, LabError> {
    let all = tsoracle_scenarios::ALL;
    for name in names {
        if !all.iter().any(|scenario| matches(name, scenario.name)) {
            let list: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
            return Err(unknown("scenario", name, &list));
        }
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| matches(n, name));
    Ok(all
        .iter()
        .filter(|scenario| wanted(scenario.name))
        .collect())
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> LabError {
    LabError::Usage(format!(
        "no {kind} is called {name:?}; there are: {}",
        known.join(", ")
    ))
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("first_*", "first_item_is_ready"));
        assert!(matches("*survives*", "acknowledged_survives_kill"));
        assert!(matches("*", ""));
        assert!(!matches("first_*", "the_first_item"));
        assert!(!matches("first", "first_item"));
    }

    #[test]
    fn an_unknown_check_lists_the_known_ones() {
        let refusal = checks(&["no_such_check".into()]).unwrap_err().to_string();
        assert!(refusal.contains("no_such_check") && refusal.contains("first_item_is_ready"));
        assert_eq!(checks(&[]).unwrap().len(), ALL.len());
    }
}
