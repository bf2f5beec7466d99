//! The results file: JSON with an object's fields on lines of their own and numbers in a row.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use crate::{OLDEST_SCHEMA_VERSION, Results, SCHEMA_VERSION};

/// Why a results file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Written by another version of this crate.
    #[error(
        "the results have schema version {found}, and this program reads {oldest} to {newest}: \
         use the version of the program that wrote them, or run it again"
    )]
    UnknownSchema {
        /// What the file says.
        found: u32,
        /// The oldest that this crate reads.
        oldest: u32,
        /// The one that this crate writes.
        newest: u32,
    },
    /// Not JSON, or not results.
    #[error("the results are damaged at line {line}, column {column}: {what}")]
    Damaged {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 for the start of the line.
        column: usize,
        /// What was found, and what was expected.
        what: String,
    },
    /// A value that JSON cannot hold.
    #[error("the results cannot be written: {0}")]
    Unwritable(#[source] serde_json::Error),
}

impl From<serde_json::Error> for ResultsError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let what = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self::Damaged { line, column, what }
    }
}

#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

impl Results {
    /// Reads a results file.
    ///
    /// # Errors
    /// [`ResultsError::UnknownSchema`] for a file of another version, whatever else is in it;
    /// [`ResultsError::Damaged`] with the place.
    pub fn from_json(text: &str) -> Result<Self, ResultsError> {
        let Version { schema_version } = serde_json::from_str(text)?;
        if !(OLDEST_SCHEMA_VERSION..=SCHEMA_VERSION).contains(&schema_version) {
            return Err(ResultsError::UnknownSchema {
                found: schema_version,
                oldest: OLDEST_SCHEMA_VERSION,
                newest: SCHEMA_VERSION,
            });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The results as a file: the same text for the same results, with a newline at its end.
    ///
    /// # Errors
    /// [`ResultsError::Unwritable`], which no results of this workspace are.
    pub fn to_json(&self) -> Result<String, ResultsError> {
        let mut bytes = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut bytes, Layout::default());
        self.serialize(&mut serializer)
            .map_err(ResultsError::Unwritable)?;
        bytes.push(b'\n');
        String::from_utf8(bytes)
            .map_err(|error| ResultsError::Unwritable(serde::ser::Error::custom(error)))
    }
}

/// Objects and texts get a line of their own, numbers and arrays of numbers share one.
#[derive(Default)]
struct Layout {
    /// For each open object or array, whether its end gets a line of its own.
    open: Vec<bool>,
    /// A value of an array is about to be written; whether it is the first.
    awaited: Option<bool>,
}

impl Layout {
    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.open.len()).try_for_each(|_| writer.write_all(b"  "))
    }

    /// To be called before each value.
    fn value<W: ?Sized + Write>(&mut self, writer: &mut W, in_row: bool) -> io::Result<()> {
        let Some(first) = self.awaited.take() else {
            return Ok(());
        };
        if !first {
            writer.write_all(b",")?;
        }
        if !in_row {
            if let Some(end_on_new_line) = self.open.last_mut() {
                *end_on_new_line = true;
            }
            return self.new_line(writer);
        }
        if first {
            Ok(())
        } else {
            writer.write_all(b" ")
        }
    }

    fn end<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        if self.open.pop() == Some(true) {
            self.new_line(writer)?;
        }
        writer.write_all(bracket)
    }
}

macro_rules! in_a_row {
    ($($write:ident: $type:ty),+ $(,)?) => {
        $(
            fn $write<W: ?Sized + Write>(&mut self, writer: &mut W, value: $type) -> io::Result<()> {
                self.value(writer, true)?;
                CompactFormatter.$write(writer, value)
            }
        )+
    };
}

impl Formatter for Layout {
    in_a_row!(
        write_bool: bool, write_f32: f32, write_f64: f64,
        write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_i128: i128,
        write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128,
    );

    fn write_null<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.value(writer, true)?;
        CompactFormatter.write_null(writer)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.value(writer, false)?;
        CompactFormatter.begin_string(writer)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.value(writer, true)?;
        self.open.push(false);
        writer.write_all(b"[")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        self.awaited = Some(first);
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.value(writer, false)?;
        self.open.push(false);
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        if let Some(end_on_new_line) = self.open.last_mut() {
            *end_on_new_line = true;
        }
        if !first {
            w.write_all(b",")?;
        }
        self.new_line(w)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(value: &serde_json::Value) -> String {
        let mut bytes = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut bytes, Layout::default());
        value.serialize(&mut serializer).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn numbers_share_a_line_and_all_else_does_not() {
        let value = serde_json::json!({
            "buckets": [[1.5, 2], [3.0, 4]],
            "empty": [],
            "nothing": {},
            "list": [{"a": null}, {"a": [1, 2]}],
            "texts": ["one", "two"],
        });
        let text = laid_out(&value);
        assert!(
            text.contains("\n  \"buckets\": [[1.5, 2], [3.0, 4]],\n"),
            "{text}"
        );
        assert!(text.contains("\"empty\": [],\n  \"list\": [\n    {\n      \"a\": null\n    },\n"));
        assert!(
            text.contains("\"texts\": [\n    \"one\",\n    \"two\"\n  ]\n}"),
            "{text}"
        );
        assert!(text.contains("\"nothing\": {},\n"), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn another_schema_is_named_before_anything_else_is_read() {
        let newer = r#"{"schema_version": 3, "drivers": "who knows"}"#;
        let error = Results::from_json(newer).unwrap_err();
        assert!(matches!(
            error,
            ResultsError::UnknownSchema {
                found: 3,
                oldest: 1,
                newest: 2
            }
        ));
    }

    #[test]
    fn damage_is_located() {
        let place = |text: &str| match Results::from_json(text).unwrap_err() {
            ResultsError::Damaged { line, column, .. } => (line, column),
            other => panic!("{other}"),
        };
        assert_eq!(place(""), (1, 0));
        assert_eq!(
            place("{\n  \"schema_version\": 1,\n  \"seed\": ?\n}"),
            (3, 11)
        );
        let refusal = Results::from_json("{\"schema_version\": 1}")
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("missing field `contract_version`"),
            "{refusal}"
        );
        let refusal = Results::from_json("[]").unwrap_err().to_string();
        assert!(
            refusal.starts_with("the results are damaged at line 1, column"),
            "{refusal}"
        );
    }
}
