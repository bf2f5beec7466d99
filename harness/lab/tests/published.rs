//! The tables in README and docs, and the committed report, are what the published results say.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

use tsoracle_report::{Results, prove, render, splice, summary_table};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn published() -> (PathBuf, Results) {
    let folder = Path::new("reports").join(read("reports/PUBLISHED").trim());
    let results = Results::from_json(&read(folder.join("results.json"))).unwrap();
    (folder, results)
}

#[test]
fn the_published_report_is_what_its_results_say() {
    let (folder, results) = published();
    for (name, text) in render(&results).unwrap().files {
        assert!(
            read(folder.join(&name)) == text,
            "{name} differs: run `make publish`"
        );
    }
}

#[test]
fn the_tables_in_the_documents_are_the_published_ones() {
    let table = summary_table(&published().1);
    for document in [
        "README.md",
        "oracle/consensus/docs/consensus-integration.md",
    ] {
        let text = read(document);
        assert_eq!(
            splice(&text, &table).unwrap(),
            text,
            "{document}: run `make publish`"
        );
    }
}

#[test]
fn the_published_results_come_from_a_clean_tree_and_a_real_disk() {
    let (_, results) = published();
    assert!(results.commit.is_some_and(|commit| commit.clean));
    assert!(!results.environment.tmpfs);
}

#[test]
fn a_held_check_stands_behind_everything_that_published_drivers_declare() {
    prove(&published().1).unwrap();
}
