//! The `lab` command with the drivers of this workspace, and the suite's replicated reference for
//! whoever asks for it by name.

use std::process::ExitCode;
use std::sync::Arc;

use tsoracle_conformance::reference::SimulatedCluster;

fn main() -> ExitCode {
    let mut backends = tsoracle_backends::all();
    backends.push(Arc::new(SimulatedCluster::default()));
    tsoracle_lab::run_with_network(&backends, tsoracle_backends::network().as_ref())
}
