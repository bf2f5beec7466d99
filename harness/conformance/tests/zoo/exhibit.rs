//! One broken driver and what is expected of the suite.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tsoracle_conformance::{ALL, RunOptions, run_check};
use tsoracle_testbed::{Backend, run_node_process_if_asked};

/// A driver with one defect, or none, and the exact set of checks that fail on it.
pub struct Exhibit {
    /// The driver; its name says the defect.
    pub backend: Arc<dyn Backend>,
    /// The checks that fail, and no others.
    pub fails: &'static [&'static str],
}

/// Runs every check on every exhibit and compares the sets.
pub fn run(exhibits: Vec<Exhibit>) -> ExitCode {
    let backends: Vec<_> = exhibits
        .iter()
        .map(|exhibit| Arc::clone(&exhibit.backend))
        .collect();
    if let Some(code) = run_node_process_if_asked(&backends) {
        return code;
    }
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    for exhibit in exhibits {
        let name = exhibit.backend.name().to_owned();
        trials.push(Trial::test(name, move || Ok(compare(&exhibit)?)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn compare(exhibit: &Exhibit) -> Result<(), String> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| e.to_string())?;
    let options = RunOptions::new(1, dir.path().to_owned());
    let mut reasons = String::new();
    let mut failed = BTreeSet::new();
    for check in ALL {
        let result = run_check(&exhibit.backend, check, &options);
        if !result.verdict.is_good() {
            failed.insert(check.name);
            reasons.push_str(&format!(
                "{}: {}\n",
                check.name,
                result.reason.unwrap_or_default()
            ));
        }
    }
    let expected: BTreeSet<_> = exhibit.fails.iter().copied().collect();
    if failed == expected {
        return Ok(());
    }
    let missed: Vec<_> = expected.difference(&failed).collect();
    let surplus: Vec<_> = failed.difference(&expected).collect();
    Err(format!(
        "not caught by {missed:?}, and also failed {surplus:?}\n{reasons}"
    ))
}
