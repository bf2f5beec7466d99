//! Generated blocks inside written documents.

/// Begins a generated block.
pub const BEGIN: &str = "<!-- results:begin -->";
/// Ends a generated block.
pub const END: &str = "<!-- results:end -->";

/// Why a block has no place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// The document does not have the mark.
    #[error("the document has no {0} mark: put {BEGIN} and {END} where the results belong")]
    Missing(&'static str),
    /// The document has the mark more than once.
    #[error("the document has the {0} mark more than once: leave one")]
    Repeated(&'static str),
    /// The end stands before the beginning.
    #[error("the {END} mark stands before {BEGIN}: swap them")]
    Swapped,
}

/// The document with `block` between its marks, in place of what stood there.
///
/// The marks stay, so that splicing the same block again changes nothing: a document has drifted
/// from its results exactly when this returns something else than the document.
///
/// # Errors
/// [`SpliceError`] unless the document has each mark once, in order.
pub fn splice(document: &str, block: &str) -> Result<String, SpliceError> {
    let begin = only(document, BEGIN)?;
    let end = only(document, END)?;
    if end < begin {
        return Err(SpliceError::Swapped);
    }
    let (before, after) = (&document[..begin + BEGIN.len()], &document[end..]);
    Ok(format!("{before}\n\n{}\n\n{after}", block.trim()))
}

fn only(document: &str, mark: &'static str) -> Result<usize, SpliceError> {
    let mut places = document.match_indices(mark).map(|(at, _)| at);
    let first = places.next().ok_or(SpliceError::Missing(mark))?;
    match places.next() {
        None => Ok(first),
        Some(_) => Err(SpliceError::Repeated(mark)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Title\n<!-- results:begin -->\nold\n<!-- results:end -->\nrest\n";

    #[test]
    fn a_block_takes_the_place_of_the_old_one() {
        let spliced = splice(DOCUMENT, "| a |\n\n").unwrap();
        let expected = "# Title\n<!-- results:begin -->\n\n| a |\n\n<!-- results:end -->\nrest\n";
        assert_eq!(spliced, expected);
        assert_eq!(
            splice(&spliced, "| a |").unwrap(),
            spliced,
            "nothing drifts"
        );
    }

    #[test]
    fn marks_that_are_not_there_once_and_in_order_are_named() {
        assert_eq!(splice("text", ""), Err(SpliceError::Missing(BEGIN)));
        assert_eq!(splice(BEGIN, ""), Err(SpliceError::Missing(END)));
        assert_eq!(
            splice(&DOCUMENT.repeat(2), ""),
            Err(SpliceError::Repeated(BEGIN))
        );
        let swapped = format!("{END}\n{BEGIN}");
        assert_eq!(splice(&swapped, ""), Err(SpliceError::Swapped));
    }
}
