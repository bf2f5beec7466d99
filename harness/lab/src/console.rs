//! What goes to the terminal. A reader that went away is no error of ours, and no reason to stop.

use std::io::{self, ErrorKind, Write};

use crate::error::LabError;

/// Prints the outcome on standard output.
///
/// # Errors
/// Whatever else than a closed pipe keeps it from getting there, a full disk for example.
pub(crate) fn print(text: &str) -> Result<(), LabError> {
    let mut out = io::stdout();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(LabError::Environment(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Says something on standard error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
