//! Conformance results for CI servers.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use tsoracle_conformance::{CheckResult, Verdict};
use tsoracle_consensus::contract;

use crate::{RenderError, Results};

/// The conformance results as JUnit XML: a suite per driver, a case per check. Failed and invalid
/// checks are failures, what is not offered is skipped with its reason. Without time stamps, so
/// that the same results give the same bytes.
///
/// # Errors
/// [`RenderError::Junit`] for a text that XML cannot hold.
pub fn junit(results: &Results) -> Result<String, RenderError> {
    let mut report = Report::new("conformance");
    for driver in &results.drivers {
        let mut suite = TestSuite::new(driver.name.clone());
        suite.add_test_cases(driver.conformance.iter().map(case));
        report.add_test_suite(suite);
    }
    report
        .to_string()
        .map_err(|error| RenderError::Junit(Box::new(error)))
}

fn case(result: &CheckResult) -> TestCase {
    let name = match result.nodes {
        0 | 1 => result.check.clone(),
        nodes => format!("{} on {nodes} nodes", result.check),
    };
    let mut case = TestCase::new(name, status(result));
    case.set_classname(format!("{}.{}", result.backend, result.clause));
    case.set_time(Duration::from_millis(result.duration_ms));
    case
}

fn status(result: &CheckResult) -> TestCaseStatus {
    let reason = result.reason.clone().unwrap_or_default();
    match result.verdict {
        Verdict::Held => TestCaseStatus::success(),
        Verdict::NotOffered => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
        verdict @ (Verdict::Failed | Verdict::Invalid) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(verdict.to_string());
            status.set_description(explain(result));
            status.set_message(reason);
            status
        }
    }
}

/// The clause, the seed, and the last calls.
fn explain(result: &CheckResult) -> String {
    let clause = contract::clause(&result.clause).unwrap_or_else(|| result.clause.clone());
    let calls = result.history.iter().map(|call| format!("\n  {call}"));
    format!(
        "clause {clause}\nseed {}{}",
        result.seed,
        calls.collect::<String>()
    )
}
