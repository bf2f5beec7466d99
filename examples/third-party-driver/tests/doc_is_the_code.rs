//! What `docs/adding-a-driver.md` quotes is what is compiled here.

use std::fs;
use std::path::Path;

const FILES: [&str; 6] = [
    "lab.rs",
    "src/backend.rs",
    "src/driver.rs",
    "src/journal.rs",
    "src/lib.rs",
    "tests/conformance.rs",
];

#[test]
fn every_rust_block_stands_in_the_example_word_for_word() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let doc = read(&root.join("../docs/adding-a-driver.md"));
    let code = FILES.map(|file| read(&root.join("third-party-driver").join(file)));
    let blocks: Vec<&str> = rust_blocks(&doc).collect();
    assert!(blocks.len() >= 5, "only {} blocks were found", blocks.len());
    for block in blocks {
        let found = code.iter().any(|file| file.contains(block));
        assert!(found, "not in the example's files:\n{block}");
    }
}

/// The contents of the blocks that are fenced as Rust.
fn rust_blocks(doc: &str) -> impl Iterator<Item = &str> {
    let rests = doc.split("\n```rust\n").skip(1);
    rests.filter_map(|rest| rest.split("```").next())
}
