//! The suite on its own references: every check that applies to them must hold.

use std::process::ExitCode;
use std::sync::Arc;

use tsoracle_conformance::reference::{InMemory, SimulatedCluster};

fn main() -> ExitCode {
    tsoracle_conformance::main(&[
        Arc::new(InMemory::default()),
        Arc::new(SimulatedCluster::default()),
    ])
}
