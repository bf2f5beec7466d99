//! The conformance suite on the file driver, and on openraft and OmniPaxos, each with a log of its own
//! and with one that it shares, OmniPaxos without a lease too. The others are run by name:
//! `lab conformance --driver openraft-read-index`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut backends = tsoracle_backends::all();
    let tried = [
        "file",
        "openraft",
        "openraft-piggyback",
        "paxos",
        "paxos-no-lease",
        "paxos-piggyback",
    ];
    backends.retain(|backend| tried.contains(&backend.name()));
    tsoracle_conformance::main(&backends)
}
