//! The conformance suite on the file driver and on openraft, with a log of its own and with one that
//! it shares. The others are run by name: `lab conformance --driver paxos`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut backends = tsoracle_backends::all();
    let tried = ["file", "openraft", "openraft-piggyback"];
    backends.retain(|backend| tried.contains(&backend.name()));
    tsoracle_conformance::main(&backends)
}
