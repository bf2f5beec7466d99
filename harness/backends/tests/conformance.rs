//! The conformance suite on the drivers of this workspace, each on a log of its own and on one that
//! it shares. Variants of a setting are run by name: `lab conformance --driver openraft-read-index`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut backends = tsoracle_backends::all();
    let own = [
        "file",
        "openraft",
        "openraft-piggyback",
        "paxos",
        "paxos-piggyback",
    ];
    backends.retain(|backend| own.contains(&backend.name()));
    tsoracle_conformance::main(&backends)
}
