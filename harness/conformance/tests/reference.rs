//! The suite on its own reference: every check that applies to it must hold.

use std::process::ExitCode;
use std::sync::Arc;

use tsoracle_conformance::reference::InMemory;

fn main() -> ExitCode {
    tsoracle_conformance::main(&[Arc::new(InMemory::default())])
}
