//! What a report says, and how a results file is read.

mod common;

use tsoracle_latency::{FloorKind, SyncVerdict};
use tsoracle_report::{
    Outcome, Quantity, Results, ResultsError, junit, render, summary_table, targets,
};
use tsoracle_testbed::Reads;

fn main_file(results: &Results) -> String {
    let report = render(results);
    let main = report.map(|mut report| report.files.remove("choosing-a-driver.md"));
    main.ok().flatten().unwrap_or_default()
}

#[test]
fn every_damaged_byte_of_a_results_file_is_an_error_or_a_value_but_no_panic() {
    let text = common::results().to_json().unwrap();
    for cut in (0..text.len()).step_by(97) {
        let error = Results::from_json(&text[..cut]).unwrap_err();
        assert!(
            matches!(error, ResultsError::Damaged { line: 1.., .. }),
            "{error}"
        );
    }
    for at in (0..text.len()).step_by(53) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = b'#';
        if let Err(error) = Results::from_json(&String::from_utf8(bytes).unwrap()) {
            assert!(error.to_string().contains("line"), "{error}");
        }
    }
}

#[test]
fn a_wrong_field_is_named_with_its_place() {
    let text = common::results().to_json().unwrap();
    let damaged = text.replacen("\"rate_per_s\": 200", "\"rate_per_s\": \"fast\"", 1);
    let error = Results::from_json(&damaged).unwrap_err().to_string();
    let line = damaged
        .lines()
        .position(|line| line.contains("\"fast\""))
        .unwrap()
        + 1;
    assert!(error.contains(&format!("line {line},")), "{error}");
    assert!(
        error.contains("invalid type: string \"fast\", expected u32"),
        "{error}"
    );
}

#[test]
fn fields_of_a_later_writer_are_ignored() {
    let text = common::results().to_json().unwrap();
    let later = text.replacen("\"seed\": 7", "\"weather\": \"rain\",\n  \"seed\": 7", 1);
    let read = Results::from_json(&later).unwrap();
    assert_eq!(read.to_json().unwrap(), text);
}

#[test]
fn a_figure_with_too_few_syncs_is_invalid_everywhere() {
    let mut results = common::results();
    let latency = results.drivers[0].latency.as_mut().unwrap();
    latency.syncs.verdict = SyncVerdict::TooFew;
    latency.syncs.reason = Some("0 syncs stand behind 100 operations".into());
    let persist = targets(&results);
    let persist = persist
        .iter()
        .find(|target| target.figure.starts_with("persist"))
        .unwrap();
    assert!(matches!(&persist.outcome, Outcome::Invalid(why) if why.contains("0 syncs")));
    assert!(summary_table(&results).contains("**invalid**"));
    assert!(main_file(&results).contains("**invalid**: 0 syncs stand behind 100 operations"));
}

#[test]
fn targets_hold_figures_against_their_aims() {
    let targets = targets(&common::results());
    let told: Vec<_> = targets
        .iter()
        .map(|target| {
            let driver = target.driver.as_deref().unwrap_or("-");
            format!("{driver}: {} {}", target.figure, target.verdict())
        })
        .collect();
    let expected = [
        "-: grant of one timestamp met, 79.5% below",
        "-: grant of 1,000 timestamps **missed** by 10.0%",
        "-: call over example-transport, p50 over a bare round trip met, 9.23% below",
        "-: message over example-transport, one way and pipelined met, 62.0% below",
        "file: persist, p50 over the sync floor met, 5.60% below",
        "file: 64 concurrent persists met, 31.7% below",
        "file: load, p50 met, 93.8% below",
        "raft: persist, p50 over the quorum sync + round trip floor **missed** by 8.00%",
        "raft: persist, p50 where one sync takes about 115 us or less met, 31.0% below",
        "raft: 64 concurrent persists met, 31.7% below",
        "raft: load under a lease, p50 met, 98.8% below",
    ];
    assert_eq!(told, expected);
    assert_eq!(targets[0].aim, Quantity::Nanoseconds(20.0));
}

#[test]
fn a_time_that_is_aimed_at_holds_for_disks_of_its_kind() {
    let mut results = common::results();
    let latency = results.drivers[1].latency.as_mut().unwrap();
    latency.sync_floor.as_mut().unwrap().p50_ns = 4_000_000.0;
    let targets = targets(&results);
    let mut slow = targets
        .iter()
        .filter(|target| target.figure.contains("115 us"));
    let slow = slow.next().unwrap();
    assert_eq!(slow.floor, Some(Quantity::Nanoseconds(4_000_000.0)));
    assert!(matches!(&slow.outcome, Outcome::Invalid(why) if why == "one sync took 4.00 ms"));
}

#[test]
fn a_load_that_asks_a_quorum_is_held_against_a_call() {
    let mut results = common::results();
    let raft = &mut results.drivers[1];
    raft.capabilities.reads = Reads::Quorum;
    let of_load = |results: &Results| {
        let loads = targets(results).into_iter();
        let mut loads = loads.filter(|target| {
            target.driver.as_deref() == Some("raft") && target.figure.contains("load")
        });
        loads.next()
    };
    assert_eq!(of_load(&results), None, "an atomic is no aim for a round");
    let load = &mut results.drivers[1].latency.as_mut().unwrap().load;
    load.floor_kind = FloorKind::Call;
    load.ratio.median = 1.2;
    let held = of_load(&results).unwrap();
    assert_eq!(
        held.figure,
        "load by a round of the quorum, p50 over a call over the network"
    );
    assert_eq!(
        (held.aim, held.outcome),
        (Quantity::Times(1.3), Outcome::Met)
    );
}

#[test]
fn results_from_before_costs_were_measured_show_none() {
    let mut results = common::results();
    for driver in &mut results.drivers {
        let latency = driver.latency.as_mut().unwrap();
        (latency.costs, latency.sync_floor) = (None, None);
    }
    assert!(!main_file(&results).contains("Costs"));
    assert!(!summary_table(&results).contains("one sync"));
    let old = results.to_json().unwrap();
    let old = old.replacen("\"schema_version\": 2", "\"schema_version\": 1", 1);
    let read = Results::from_json(&old).unwrap();
    assert_eq!(render(&read).unwrap(), render(&results).unwrap());
}

#[test]
fn stores_in_memory_are_marked() {
    let mut results = common::results();
    results.environment.tmpfs = true;
    results.environment.filesystem = "tmpfs".into();
    assert!(main_file(&results).contains("tmpfs, **in memory**"));
    assert!(main_file(&results).contains("in memory a sync costs nothing"));
    assert!(summary_table(&results).contains("tmpfs (in memory)"));
}

#[test]
fn nothing_measured_is_said_not_hidden() {
    let mut results = common::results();
    results.allocator = None;
    for driver in &mut results.drivers {
        driver.latency = None;
        driver.latency_missing = Some("the disk was full".into());
        driver.conformance.clear();
    }
    let report = render(&results).unwrap();
    assert_eq!(report.files.len(), 1, "no plots without data");
    let text = main_file(&results);
    assert!(text.contains("Not measured: the disk was full."), "{text}");
    assert!(text.contains("No check was run."), "{text}");
    results.drivers.clear();
    render(&results).unwrap();
}

#[test]
fn junit_has_a_case_per_check() {
    let xml = junit(&common::results()).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), 10);
    assert_eq!(xml.matches("<failure ").count(), 3);
    assert_eq!(xml.matches("<skipped ").count(), 1);
    assert!(xml.contains("one node has nobody to overlap with"));
    assert!(!xml.contains("timestamp="), "{xml}");
}

#[test]
fn plots_are_well_formed() {
    for (name, svg) in render(&common::results()).unwrap().files {
        if name.ends_with(".svg") {
            assert_well_formed(&svg);
        }
    }
}

/// Every element that is opened is closed, in order.
fn assert_well_formed(xml: &str) {
    let mut open = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        assert!(
            !rest[..start].contains('>'),
            "a stray > before {}",
            &rest[start..]
        );
        let end = start + rest[start..].find('>').unwrap_or(rest.len() - start - 1);
        let tag = &rest[start + 1..end];
        let name = |tag: &str| tag.split_whitespace().next().unwrap_or("").to_owned();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "in order");
        } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
            open.push(name(tag));
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn a_file_without_fault_scenarios_is_read() {
    let text = common::results().to_json().unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    for driver in file["drivers"].as_array_mut().unwrap() {
        assert!(
            driver
                .as_object_mut()
                .unwrap()
                .remove("scenarios")
                .is_some()
        );
    }
    let read = Results::from_json(&file.to_string()).unwrap();
    assert_eq!(read.to_json().unwrap(), text);
}
