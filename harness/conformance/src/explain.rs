//! All that a reader needs of a bad result: what was asked, what happened, how to see it again.

use std::fmt::Write;

use tsoracle_consensus::contract;

use crate::CheckResult;

impl CheckResult {
    /// The verdict with its reason, the clause's text, the last calls, and `replay`, the command
    /// that runs the check again.
    #[must_use]
    pub fn explain(&self, replay: &str) -> String {
        let clause = contract::clause(&self.clause).unwrap_or_else(|| self.clause.clone());
        let reason = self.reason.as_deref().unwrap_or_default();
        let mut text = format!("{}: {reason}\n\nclause {clause}\n", self.verdict);
        if !self.history.is_empty() {
            let calls = self.history.join("\n  ");
            // Writing to a string cannot fail.
            let _ = write!(text, "\nthe last calls:\n  {calls}\n");
        }
        let _ = write!(text, "\nreplay: {replay}\n");
        text
    }
}
