//! What `docs/consensus-integration.md` quotes is what runs here.
#![allow(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::fs;
use std::path::Path;

#[test]
fn every_block_of_the_worked_example_stands_in_the_test_word_for_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let doc = fs::read_to_string(root.join("../../docs/consensus-integration.md")).unwrap();
    let code = fs::read_to_string(root.join("tests/shared_log.rs")).unwrap();
    let section = doc
        .split("\n### ")
        .find(|part| part.starts_with("openraft on a log"));
    let rests = section.unwrap().split("\n```ignore\n").skip(1);
    let blocks: Vec<&str> = rests.filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 5, "only {} blocks were found", blocks.len());
    for block in blocks {
        assert!(code.contains(block), "not in the test:\n{block}");
    }
}
