//! The conformance suite on the drivers of this workspace that are tried at every change. The
//! replicated ones take minutes and a quiet machine: `lab conformance --driver openraft`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut backends = tsoracle_backends::all();
    backends.retain(|backend| backend.name() == "file");
    tsoracle_conformance::main(&backends)
}
