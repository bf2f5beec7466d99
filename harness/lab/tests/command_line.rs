//! The `lab` command as a user types it: exit statuses, unknown names, damaged files, resuming.
#![allow(clippy::expect_used, reason = "a test that cannot run has failed")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::tempdir;

fn lab(dir: &Path, arguments: &[&str]) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(arguments)
        .current_dir(dir)
        .output()
        .expect("the lab runs")
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const ONE_CHECK: [&str; 5] = [
    "conformance",
    "--check",
    "first_item_is_ready",
    "--driver",
    "file",
];

#[test]
fn drivers_are_listed() {
    let dir = tempdir().unwrap();
    let output = lab(dir.path(), &["drivers"]);
    assert_eq!(status(&output), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("file"));
    let json = stdout(&lab(dir.path(), &["drivers", "--format", "json"]));
    let drivers: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(drivers[0]["name"], "file");
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let dir = tempdir().unwrap();
    let driver = lab(dir.path(), &["conformance", "--driver", "fiel"]);
    assert_eq!(status(&driver), Some(2));
    assert!(
        stderr(&driver).contains("\"fiel\"; there are: file"),
        "{}",
        stderr(&driver)
    );
    let check = lab(dir.path(), &["conformance", "--check", "nothing_like_it"]);
    assert_eq!(status(&check), Some(2));
    assert!(
        stderr(&check).contains("first_item_is_ready"),
        "{}",
        stderr(&check)
    );
    assert_eq!(
        status(&lab(dir.path(), &["conformance", "--repeat", "0"])),
        Some(2)
    );
    assert_eq!(status(&lab(dir.path(), &["no-such-command"])), Some(2));
}

#[test]
fn a_held_check_ends_with_zero_and_is_resumed() {
    let dir = tempdir().unwrap();
    let first = lab(dir.path(), &ONE_CHECK);
    assert_eq!(status(&first), Some(0), "{}", stderr(&first));
    assert!(stdout(&first).contains("held"), "{}", stdout(&first));
    let results = dir.path().join("reports/latest/results.json");
    let before = std::fs::read_to_string(&results).unwrap();
    let again = lab(dir.path(), &[&ONE_CHECK[..], &["--resume"]].concat());
    assert_eq!(status(&again), Some(0), "{}", stderr(&again));
    assert_eq!(std::fs::read_to_string(&results).unwrap(), before);
}

#[test]
fn a_resumed_run_with_other_settings_is_refused() {
    let dir = tempdir().unwrap();
    assert_eq!(status(&lab(dir.path(), &ONE_CHECK)), Some(0));
    let other = lab(
        dir.path(),
        &[&ONE_CHECK[..], &["--resume", "--seed", "2"]].concat(),
    );
    assert_eq!(status(&other), Some(3));
    assert!(
        stderr(&other).contains("results.json"),
        "{}",
        stderr(&other)
    );
}

#[test]
fn a_damaged_file_of_results_is_named() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("results.json");
    std::fs::write(&path, "{\"schema_version\": 1, ").unwrap();
    let damaged = lab(dir.path(), &["report", "results.json"]);
    assert_eq!(status(&damaged), Some(3));
    let said = stderr(&damaged);
    assert!(
        said.contains("results.json") && said.trim_end().lines().count() == 1,
        "{said}"
    );
    let missing = lab(dir.path(), &["report", "nowhere.json"]);
    assert_eq!(status(&missing), Some(3));
    assert!(stderr(&missing).contains("nowhere.json"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("taken"), "a file").unwrap();
    let refused = lab(
        dir.path(),
        &[&ONE_CHECK[..], &["--out", "taken/results"]].concat(),
    );
    assert_eq!(status(&refused), Some(3));
    assert!(
        stderr(&refused).contains("taken/results"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn a_full_disk_keeps_what_was_gathered() {
    let dir = tempdir().unwrap();
    assert_eq!(status(&lab(dir.path(), &ONE_CHECK)), Some(0));
    let out = dir.path().join("reports/latest");
    let before = std::fs::read_to_string(out.join("results.json")).unwrap();
    // The place where the next results are built cannot be written, as on a full disk.
    std::fs::create_dir(out.join("results.unfinished")).unwrap();
    let refused = lab(dir.path(), &ONE_CHECK);
    assert_eq!(status(&refused), Some(3));
    assert!(
        stderr(&refused).contains("results.json"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(
        std::fs::read_to_string(out.join("results.json")).unwrap(),
        before
    );
}

#[test]
fn each_round_of_a_repeated_run_has_its_line() {
    let dir = tempdir().unwrap();
    let output = lab(
        dir.path(),
        &[&ONE_CHECK[..], &["--repeat", "2", "--seed", "8"]].concat(),
    );
    assert_eq!(status(&output), Some(0), "{}", stderr(&output));
    for line in [
        "file: round 1 of 2, seed 8: 1 held, 0 failed",
        "file: round 2 of 2, seed 9: 1 held, 0 failed",
    ] {
        assert!(stderr(&output).contains(line), "{}", stderr(&output));
    }
}

#[test]
fn latency_says_what_it_measured_on_and_what_it_costs() {
    let dir = tempdir().unwrap();
    let measured = ["latency", "--driver", "file", "--nodes", "5"];
    let output = lab(dir.path(), &measured);
    assert_eq!(status(&output), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    assert!(shown.contains("file, one node"), "{shown}");
    assert!(shown.contains("cold start to the first persist"), "{shown}");
}

#[test]
fn results_come_as_json_and_junit() {
    let dir = tempdir().unwrap();
    let json = lab(
        dir.path(),
        &[&ONE_CHECK[..], &["--format", "json"]].concat(),
    );
    let results: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(results["drivers"][0]["conformance"][0]["verdict"], "held");
    let junit = stdout(&lab(
        dir.path(),
        &[&ONE_CHECK[..], &["--format", "junit"]].concat(),
    ));
    assert!(
        junit.contains("<testcase") && junit.contains("first_item_is_ready"),
        "{junit}"
    );
}

#[test]
fn a_folder_in_use_is_refused_and_leftovers_are_removed() {
    let dir = tempdir().unwrap();
    let data = dir.path().join("reports/latest/lab-data");
    std::fs::create_dir_all(data.join("left by an interrupted run")).unwrap();
    let other_run = std::fs::File::open(&data).unwrap();
    other_run.lock().unwrap();
    let refused = lab(dir.path(), &ONE_CHECK);
    assert_eq!(status(&refused), Some(3));
    assert!(
        stderr(&refused).contains("in use by another run"),
        "{}",
        stderr(&refused)
    );
    drop(other_run);
    assert_eq!(status(&lab(dir.path(), &ONE_CHECK)), Some(0));
    assert!(!data.exists());
}

#[test]
fn a_run_that_begins_anew_keeps_a_copy_of_what_it_replaces() {
    let dir = tempdir().unwrap();
    assert_eq!(status(&lab(dir.path(), &ONE_CHECK)), Some(0));
    let out = dir.path().join("reports/latest");
    let first = std::fs::read_to_string(out.join("results.json")).unwrap();
    assert_eq!(
        status(&lab(
            dir.path(),
            &[&ONE_CHECK[..], &["--seed", "2"]].concat()
        )),
        Some(0)
    );
    let kept = std::fs::read_to_string(out.join("results.before.json")).unwrap();
    assert_eq!(kept, first);
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none() {
    let dir = tempdir().unwrap();
    let mut drivers = Command::new(env!("CARGO_BIN_EXE_lab"));
    drivers.arg("drivers").current_dir(dir.path());
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = drivers.stdout(full).output().unwrap();
    assert_eq!(status(&output), Some(3), "{}", stderr(&output));

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut check = Command::new(env!("CARGO_BIN_EXE_lab"));
    let both = check.args(ONE_CHECK).current_dir(dir.path());
    let closed = both
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(closed.code(), Some(0));
}

const ONE_FAULT: [&str; 5] = [
    "faults",
    "--driver",
    "reference-cluster",
    "--scenario",
    "leader_crash",
];

#[test]
fn a_fault_ends_in_a_verdict_and_is_replayed() {
    let dir = tempdir().unwrap();
    let json = [&ONE_FAULT[..], &["--format", "json", "--repeat", "2"]].concat();
    let first = lab(dir.path(), &json);
    assert_eq!(status(&first), Some(0), "{}", stderr(&first));
    let results: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    let runs = &results["drivers"][0]["scenarios"];
    assert_eq!(
        (&runs[0]["verdict"], &runs[1]["seed"]),
        (&"recovered".into(), &2.into())
    );
    assert!(
        runs[0]["phases"]
            .as_array()
            .is_some_and(|phases| !phases.is_empty())
    );

    let replay = [
        "--replay",
        "reports/latest/results.json",
        "--out",
        "again",
        "--format",
        "json",
    ];
    let again = lab(dir.path(), &[&ONE_FAULT[..], &replay].concat());
    assert_eq!(status(&again), Some(0), "{}", stderr(&again));
    let replayed: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    let outages = |results: &serde_json::Value| -> Vec<serde_json::Value> {
        let runs = results["drivers"][0]["scenarios"].as_array().unwrap();
        runs.iter().map(|run| run["outage_ms"].clone()).collect()
    };
    assert_eq!(outages(&replayed), outages(&results));
}

#[test]
fn a_fault_of_another_size_is_not_offered_and_says_which() {
    let dir = tempdir().unwrap();
    let asked = [
        "faults",
        "--driver",
        "reference-cluster",
        "--scenario",
        "bridge",
        "--nodes",
        "3",
    ];
    let output = lab(dir.path(), &asked);
    assert_eq!(status(&output), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    assert!(
        shown.contains("not offered") && shown.contains("it needs 5 nodes"),
        "{shown}"
    );
}

#[test]
fn scenarios_are_listed_and_an_unknown_one_lists_them() {
    let dir = tempdir().unwrap();
    let listed = lab(dir.path(), &["faults", "--list"]);
    assert_eq!(status(&listed), Some(0), "{}", stderr(&listed));
    assert!(stdout(&listed).contains("constrained_election"));
    let unknown = lab(dir.path(), &["faults", "--scenario", "earthquake"]);
    assert_eq!(status(&unknown), Some(2));
    assert!(
        stderr(&unknown).contains("constrained_election"),
        "{}",
        stderr(&unknown)
    );
}

const ONE_COMPARISON: [&str; 5] = [
    "compare",
    "--driver",
    "reference-cluster",
    "--check",
    "first_item_is_ready",
];

/// Of what the driver declares, one check proves nothing.
#[test]
fn a_comparison_with_unproved_claims_is_written_and_ends_with_one() {
    let dir = tempdir().unwrap();
    let first = lab(dir.path(), &ONE_COMPARISON);
    assert_eq!(status(&first), Some(1), "{}", stderr(&first));
    let said = stderr(&first);
    assert!(said.contains("reference-cluster declares leases"), "{said}");
    assert!(said.contains("[13/13]"), "{said}");
    let out = dir.path().join("reports/latest");
    // How long each took, which no second run repeats.
    let runs = || -> Vec<String> {
        let text = std::fs::read_to_string(out.join("results.json")).unwrap();
        let results: serde_json::Value = serde_json::from_str(&text).unwrap();
        let runs = results["drivers"][0]["scenarios"].as_array().unwrap();
        let told = runs.iter().map(|run| {
            let (scenario, seed) = (&run["scenario"], &run["seed"]);
            format!("{scenario} {seed} {}", run["duration_ms"])
        });
        told.collect()
    };
    let first_runs = runs();
    assert_eq!(first_runs.len(), 5 + 5 + 3);
    let page = std::fs::read_to_string(out.join("choosing-a-driver.md")).unwrap();
    assert!(
        page.contains("## Faults") && page.contains("`quorum_loss`"),
        "{page}"
    );
    assert!(out.join("downtime-leader_crash-3.svg").exists());

    let resumed = lab(dir.path(), &[&ONE_COMPARISON[..], &["--resume"]].concat());
    assert_eq!(status(&resumed), Some(1), "{}", stderr(&resumed));
    assert_eq!(runs(), first_runs, "nothing was run again");
    let reported = lab(dir.path(), &["report", "reports/latest/results.json"]);
    assert_eq!(status(&reported), Some(1), "{}", stderr(&reported));
}
