//! `lab benches`: criterion's estimates into a file of results.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tsoracle_report::{Benches, Benchmark, BenchmarkError, Results, benches_table};

use super::{Ending, report};
use crate::cli::{Format, Profile, Run, Size};
use crate::console::print;
use crate::environment;
use crate::error::LabError;
use crate::results;

/// What criterion calls the folder of a benchmark's latest run.
const LATEST: &str = "new";
const DESCRIPTION: &str = "benchmark.json";
const ESTIMATES: &str = "estimates.json";

/// Puts what criterion keeps below `criterion` into the results at `into`, which begin anew if there
/// are none. Results are left as they were unless every benchmark can be read.
pub(super) fn run(criterion: &Path, into: &Path, format: Format) -> Result<Ending, LabError> {
    if format == Format::Junit {
        let refusal = "benchmarks are no test cases; use table or json";
        return Err(LabError::Usage(refusal.into()));
    }
    let benches = Benches::new(environment::commit(), read(criterion)?);
    let kept = Results {
        benches: Some(benches.clone()),
        ..found(into)?
    };
    let text = kept.to_json().map_err(|error| LabError::Results {
        path: into.to_owned(),
        why: error.to_string(),
    })?;
    results::write(into, &text)?;
    print(&match format {
        Format::Json => report::json(&kept)?,
        Format::Table | Format::Junit => benches_table(&benches),
    })?;
    Ok(Ending::Good)
}

fn found(into: &Path) -> Result<Results, LabError> {
    if into.exists() {
        return results::read(into);
    }
    let folder = into.parent().filter(|dir| !dir.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(LabError::io("make the folder", folder))?;
    let run = Run {
        drivers: Vec::new(),
        seed: 1,
        profile: Profile::Quick,
        dir: None,
        out: folder.to_owned(),
        resume: false,
    };
    let size = Size { nodes: None };
    results::fresh(&run, size, &[], "lab benches", folder)
}

/// Every benchmark below a folder.
///
/// # Errors
/// [`LabError::Io`] and [`LabError::Results`] with the file that is missing or damaged.
fn read(criterion: &Path) -> Result<Vec<Benchmark>, LabError> {
    let mut latest = Vec::new();
    find(criterion, &mut latest)?;
    if latest.is_empty() {
        return Err(LabError::Results {
            path: criterion.to_owned(),
            why: "no benchmark is in it; run `cargo bench` first".to_owned(),
        });
    }
    latest.iter().map(|folder| read_one(folder)).collect()
}

/// Folders of latest runs, at any depth: the name of a group may have several parts.
fn find(dir: &Path, latest: &mut Vec<PathBuf>) -> Result<(), LabError> {
    for entry in fs::read_dir(dir).map_err(LabError::io("read the folder", dir))? {
        let path = entry.map_err(LabError::io("read the folder", dir))?.path();
        if !path.is_dir() {
            continue;
        }
        if path.file_name().is_some_and(|name| name == LATEST) {
            latest.push(path);
        } else {
            find(&path, latest)?;
        }
    }
    Ok(())
}

fn read_one(folder: &Path) -> Result<Benchmark, LabError> {
    let text = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => unfinished(&path, "it is missing"),
            _ => LabError::io("read", &path)(source),
        })
    };
    let (description, estimates) = (text(DESCRIPTION)?, text(ESTIMATES)?);
    Benchmark::from_criterion(&description, &estimates).map_err(|error| {
        let name = match error {
            BenchmarkError::Description(_) => DESCRIPTION,
            BenchmarkError::Estimates(_) => ESTIMATES,
        };
        unfinished(&folder.join(name), &error.to_string())
    })
}

fn unfinished(path: &Path, why: &str) -> LabError {
    LabError::Results {
        path: path.to_owned(),
        why: format!("{why}; run that benchmark again, or remove its folder"),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const DESCRIBED: &str = r#"{"group_id":"a/b","function_id":"one","value_str":null,
        "throughput":null,"full_id":"a/b/one","directory_name":"a_b/one","title":"a/b/one"}"#;
    const ESTIMATED: &str = r#"{
        "mean":{"confidence_interval":{"confidence_level":0.95,"lower_bound":1.0,"upper_bound":3.0},
            "point_estimate":2.0,"standard_error":0.5},
        "median":{"confidence_interval":{"confidence_level":0.95,"lower_bound":1.0,"upper_bound":2.0},
            "point_estimate":1.5,"standard_error":0.5}}"#;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let latest = dir.path().join("criterion/a_b/one/new");
        fs::create_dir_all(&latest).unwrap();
        // A baseline is not the latest run, and a report has no estimates.
        fs::create_dir_all(dir.path().join("criterion/a_b/one/before")).unwrap();
        fs::create_dir_all(dir.path().join("criterion/report")).unwrap();
        for (name, text) in files {
            fs::write(latest.join(name), text).unwrap();
        }
        dir
    }

    fn refused(files: &[(&str, &str)]) -> String {
        let dir = folder(files);
        let into = dir.path().join("results.json");
        let error = run(&dir.path().join("criterion"), &into, Format::Table).unwrap_err();
        assert!(!into.exists(), "nothing is written");
        assert!(matches!(error, LabError::Results { .. }), "{error:?}");
        error.to_string()
    }

    #[test]
    fn estimates_go_into_results_that_begin_with_them() {
        let dir = folder(&[(DESCRIPTION, DESCRIBED), (ESTIMATES, ESTIMATED)]);
        let into = dir.path().join("results.json");
        let criterion = dir.path().join("criterion");
        for _ in 0..2 {
            run(&criterion, &into, Format::Table).unwrap();
            let benches = results::read(&into).unwrap().benches.unwrap();
            let [benchmark] = &benches.benchmarks[..] else {
                panic!("one benchmark, not {benches:?}");
            };
            let names = (benchmark.group.as_str(), benchmark.name.as_str());
            assert_eq!((names, benchmark.median.ns), (("a/b", "one"), 1.5));
        }
    }

    #[test]
    fn what_is_missing_or_half_written_is_named() {
        let half = &ESTIMATED[..ESTIMATED.len() / 2];
        for (files, named) in [
            (&[(ESTIMATES, ESTIMATED)][..], "new/benchmark.json"),
            (&[(DESCRIPTION, DESCRIBED)][..], "new/estimates.json"),
            (
                &[(DESCRIPTION, DESCRIBED), (ESTIMATES, half)][..],
                "new/estimates.json",
            ),
            (
                &[(DESCRIPTION, "{"), (ESTIMATES, ESTIMATED)][..],
                "new/benchmark.json",
            ),
        ] {
            let said = refused(files);
            assert!(said.contains(named), "{named}: {said}");
        }
    }

    #[test]
    fn a_folder_without_benchmarks_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let into = dir.path().join("results.json");
        let empty = run(dir.path(), &into, Format::Table).unwrap_err();
        assert!(
            empty.to_string().contains("run `cargo bench` first"),
            "{empty}"
        );
        let nowhere = run(&dir.path().join("nowhere"), &into, Format::Table).unwrap_err();
        assert!(matches!(nowhere, LabError::Io { .. }), "{nowhere:?}");
        assert!(nowhere.to_string().contains("nowhere"), "{nowhere}");
    }
}
