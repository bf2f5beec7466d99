//! `lab report`: the report as a function of a file of results.

use std::fs;
use std::path::{Path, PathBuf};

use tsoracle_report::Results;

use super::Ending;
use crate::cli::Format;
use crate::console::print;
use crate::error::LabError;
use crate::results;

/// Without `out`, the report goes where the results are.
pub(super) fn run(
    path: &Path,
    out: Option<&Path>,
    documents: &[PathBuf],
    format: Format,
) -> Result<Ending, LabError> {
    let results = results::read(path)?;
    let beside = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let out = out.or(beside).unwrap_or_else(|| Path::new("."));
    write(&results, out)?;
    let table = tsoracle_report::summary_table(&results);
    for document in documents {
        splice(document, &table)?;
    }
    print(&shown(&results, format)?)?;
    Ok(Ending::Good)
}

/// Writes every file of the report into `out`, and then says so if a driver declares what no check
/// proves: that is marked in the report, which is not to be published.
pub(super) fn write(results: &Results, out: &Path) -> Result<(), LabError> {
    fs::create_dir_all(out).map_err(LabError::io("make the folder", out))?;
    let report = tsoracle_report::render(results)
        .map_err(|error| LabError::Environment(format!("cannot make the report: {error}")))?;
    for (name, text) in &report.files {
        results::write(&out.join(name), text)?;
    }
    Ok(tsoracle_report::prove(results)?)
}

/// All results, in the form that was asked for.
pub(super) fn shown(results: &Results, format: Format) -> Result<String, LabError> {
    match format {
        Format::Table => Ok(tsoracle_report::terminal_table(results)),
        Format::Json => json(results),
        Format::Junit => junit(results),
    }
}

fn splice(document: &Path, table: &str) -> Result<(), LabError> {
    let text = fs::read_to_string(document).map_err(LabError::io("read", document))?;
    let spliced = tsoracle_report::splice(&text, table)
        .map_err(|error| LabError::Usage(format!("{}: {error}", document.display())))?;
    results::write(document, &spliced)
}

pub(super) fn json(results: &Results) -> Result<String, LabError> {
    results
        .to_json()
        .map_err(|error| LabError::Environment(format!("cannot write JSON: {error}")))
}

pub(super) fn junit(results: &Results) -> Result<String, LabError> {
    tsoracle_report::junit(results)
        .map_err(|error| LabError::Environment(format!("cannot write JUnit: {error}")))
}
