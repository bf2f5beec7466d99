//! The whole suite on this driver: one test per check.

use std::process::ExitCode;
use std::sync::Arc;

use journal_driver::JournalBackend;

fn main() -> ExitCode {
    tsoracle_conformance::main(&[Arc::new(JournalBackend)])
}
