//! The report of results made by hand, byte for byte.
//!
//! `TSORACLE_BLESS=1 cargo test -p tsoracle-report` writes the expected files anew; read the
//! difference before you commit it.

mod common;

use std::path::{Path, PathBuf};

use tsoracle_report::{Results, junit, render, summary_table, terminal_table};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn assert_golden(name: &str, contents: &str) {
    let path = golden(name);
    if std::env::var_os("TSORACLE_BLESS").is_some() {
        let written = std::fs::write(&path, contents);
        assert!(written.is_ok(), "{}: {written:?}", path.display());
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        contents == expected,
        "{name} differs from {}; if that is meant, run again with TSORACLE_BLESS=1",
        path.display()
    );
}

#[test]
fn the_report_is_the_committed_one() {
    let report = render(&common::results()).unwrap();
    let names: Vec<_> = report.files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["choosing-a-driver.md", "persist.svg", "response.svg"]
    );
    for (name, contents) in &report.files {
        assert_golden(name, contents);
    }
}

#[test]
fn so_are_the_tables_and_the_files() {
    let results = common::results();
    assert_golden("summary.md", &summary_table(&results));
    assert_golden("terminal.txt", &terminal_table(&results));
    assert_golden("junit.xml", &junit(&results).unwrap());
    assert_golden("results.json", &results.to_json().unwrap());
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let results = common::results();
    let again = Results::from_json(&results.to_json().unwrap()).unwrap();
    assert_eq!(render(&results).unwrap(), render(&results).unwrap());
    assert_eq!(render(&again).unwrap(), render(&results).unwrap());
    assert_eq!(again.to_json().unwrap(), results.to_json().unwrap());
    assert_eq!(junit(&again).unwrap(), junit(&results).unwrap());
    assert_eq!(terminal_table(&again), terminal_table(&results));
}
