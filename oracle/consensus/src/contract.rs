//! The contract's text, and its clauses one by one.
//!
//! The text is the file that the rustdoc of [`ConsensusDriver`](crate::ConsensusDriver) shows; a
//! checker looks a clause up here to quote it, so there is no second wording that could drift.

/// The version of the contract that this crate states. It stands in every result of the lab.
pub const CONTRACT_VERSION: u32 = 1;

/// The contract as Markdown.
pub const TEXT: &str = include_str!("../docs/contract.md");

/// The text of one clause, from its name to its last sentence: `clause("P3")`.
///
/// Returns `None` for an identifier that the contract does not have.
#[must_use]
pub fn clause(id: &str) -> Option<String> {
    clauses()
        .find(|(name, _)| *name == id)
        .map(|(_, text)| text)
}

/// Every clause as (identifier, text), in the order of the contract.
pub fn clauses() -> impl Iterator<Item = (&'static str, String)> {
    TEXT.lines().flat_map(bold_spans).filter_map(|(label, at)| {
        let id = label.split_whitespace().next()?;
        is_clause_id(id).then(|| (id, text_from(at)))
    })
}

/// Bold spans of a line, each with where it starts in the text.
fn bold_spans(line: &'static str) -> impl Iterator<Item = (&'static str, usize)> {
    let line_at = line.as_ptr() as usize - TEXT.as_ptr() as usize;
    line.split("**")
        .enumerate()
        .filter(|(i, _)| i % 2 == 1)
        .map(move |(_, span)| {
            let at = span.as_ptr() as usize - line.as_ptr() as usize;
            (span, line_at + at - 2)
        })
}

fn is_clause_id(id: &str) -> bool {
    let mut chars = id.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase())
        && id.len() > 1
        && chars.all(|c| c.is_ascii_digit())
}

/// A clause ends where the next one, a heading or a table begins.
fn text_from(at: usize) -> String {
    let rest = &TEXT[at..];
    let next_clause = rest
        .match_indices("**")
        .map(|(i, _)| i)
        .filter(|&i| i > 0)
        .find(|&i| {
            rest[i + 2..]
                .split_whitespace()
                .next()
                .is_some_and(is_label_start)
        });
    let next_block = ["\n- ", "\n#", "\n\n"]
        .iter()
        .filter_map(|mark| rest.find(mark))
        .min();
    let end = next_clause
        .into_iter()
        .chain(next_block)
        .min()
        .unwrap_or(rest.len());
    rest[..end]
        .replace("**", "")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_label_start(word: &str) -> bool {
    is_clause_id(word.trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clause_is_found_once_and_has_a_text() {
        let ids: Vec<_> = clauses().map(|(id, _)| id).collect();
        let expected = "L1 L2 L3 L4 L5 L6 L7 L8 R1 R2 R3 R4 P1 P2 P3 P4 P5 P6 P7 P8 P9 S1 S2 S3 S4 \
                        N1 C1 C2 C3 C4 H1 H2 M1 M2 O1 O2";
        assert_eq!(ids.join(" "), expected);
        for (id, text) in clauses() {
            assert!(text.starts_with(id) && text.len() > 20, "{id}: {text}");
        }
    }

    #[test]
    fn two_clauses_on_one_line_are_told_apart() {
        let h1 = clause("H1").unwrap();
        assert!(h1.ends_with("shorter gap than a crash;"), "{h1}");
        assert!(clause("H2").unwrap().starts_with("H2 if the target"));
        assert_eq!(clause("Z9"), None);
    }

    #[test]
    fn the_version_is_the_one_in_the_heading() {
        assert!(TEXT.starts_with(&format!(
            "# The `ConsensusDriver` contract (version {CONTRACT_VERSION})"
        )));
    }
}
