//! What the documents point to is there, and a link to a line of code leads to what it names.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Markdown file of the repository, but for what a run left behind.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let skipped = name.starts_with('.') || name == "target" || name == "latest";
        if path.is_dir() && !skipped {
            documents(&path, found);
        } else if path.extension().is_some_and(|it| it == "md") {
            found.push(path);
        }
    }
}

/// The texts and targets of links, those of other sites left out.
fn links(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("](") {
        let Some((target, _)) = text[at + 2..].split_once(')') else {
            continue;
        };
        let label = text[..at].rsplit('[').next().unwrap_or_default();
        let local = !target.contains("://") && !target.starts_with('#') && target.contains('.');
        if local && !target.contains(char::is_whitespace) {
            found.push((label, target));
        }
    }
    found
}

fn broken(document: &Path, label: &str, target: &str) -> Option<String> {
    let (file, line) = target.split_once('#').unwrap_or((target, ""));
    let path = document.parent().unwrap().join(file);
    if !path.exists() {
        return Some(format!("{target} is not there"));
    }
    let number: usize = line.strip_prefix('L')?.parse().ok()?;
    let code = fs::read_to_string(&path).unwrap();
    let name = label.trim_matches('`').rsplit("::").next().unwrap();
    let is_there = code
        .lines()
        .nth(number - 1)
        .is_some_and(|line| line.contains(name));
    if is_there {
        return None;
    }
    let definition = |line: &str| {
        ["fn ", "struct ", "trait ", "enum "]
            .iter()
            .any(|kind| line.contains(&format!("{kind}{name}")))
    };
    let now = code.lines().position(definition).map_or(0, |at| at + 1);
    Some(format!(
        "{target} does not show {name}; it is at line {now}"
    ))
}

#[test]
fn every_link_leads_to_what_it_names() {
    let mut found = Vec::new();
    documents(&root(), &mut found);
    let mut wrong = Vec::new();
    let mut lines = 0;
    for document in &found {
        let text = fs::read_to_string(document).unwrap();
        for (label, target) in links(&text) {
            lines += usize::from(target.contains("#L"));
            if let Some(why) = broken(document, label, target) {
                wrong.push(format!("{}: {why}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines > 0, "no link leads to a line any more");
}
