//! The whole lab on this driver: checks, latencies and a report.

use std::process::ExitCode;
use std::sync::Arc;

use journal_driver::JournalBackend;

fn main() -> ExitCode {
    tsoracle_lab::run(&[Arc::new(JournalBackend)])
}
