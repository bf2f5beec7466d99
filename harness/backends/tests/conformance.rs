//! The conformance suite on every driver of this workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut backends = tsoracle_backends::all();
    // A setting of a driver that is tried already: its loads take the way that lapsed leases take.
    backends.retain(|backend| backend.name() != "openraft-read-index");
    tsoracle_conformance::main(&backends)
}
