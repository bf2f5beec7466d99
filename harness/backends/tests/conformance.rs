//! The conformance suite on every driver and on both piggyback services. Variants of a setting are run
//! by name: `lab conformance --driver openraft-read-index`.

use std::process::ExitCode;

const TRIED: [&str; 6] = [
    "file",
    "openraft",
    "openraft-piggyback",
    "paxos",
    "paxos-no-lease",
    "paxos-piggyback",
];

fn main() -> ExitCode {
    let mut backends = tsoracle_backends::all();
    backends.retain(|backend| TRIED.contains(&backend.name()));
    tsoracle_conformance::main(&backends)
}
