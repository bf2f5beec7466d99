//! Tables that read well as text too.

/// Columns wider than this are not padded out.
const PADDING_MAX: usize = 64;

/// A Markdown table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    title: String,
    right: bool,
}

impl Table {
    /// Columns by title; those that begin with `>` are aligned to the right.
    pub(crate) fn new<S: AsRef<str>>(titles: impl IntoIterator<Item = S>) -> Self {
        let columns = titles.into_iter().map(|title| {
            let (title, right) = match title.as_ref().strip_prefix('>') {
                Some(rest) => (rest, true),
                None => (title.as_ref(), false),
            };
            Column {
                title: cell(title),
                right,
            }
        });
        Self {
            columns: columns.collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells stay empty.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().map(|text| cell(text.as_ref()));
        self.rows.push(cells.collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, a line per row, each with a newline.
    pub(crate) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.columns.len()).map(|i| self.width(i)).collect();
        let titles: Vec<&str> = self
            .columns
            .iter()
            .map(|column| column.title.as_str())
            .collect();
        let mut text = self.line(&titles, &widths);
        for (column, width) in self.columns.iter().zip(&widths) {
            let dashes = "-".repeat(width - 1);
            text.push_str(&if column.right {
                format!("| {dashes}: ")
            } else {
                format!("| {dashes}- ")
            });
        }
        text.push_str("|\n");
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            text.push_str(&self.line(&cells, &widths));
        }
        text
    }

    fn width(&self, i: usize) -> usize {
        let title = self.columns.get(i).map(|column| &column.title);
        let cells = self.rows.iter().filter_map(|row| row.get(i));
        let widest = cells.chain(title).map(|text| text.chars().count()).max();
        widest.unwrap_or(0).clamp(3, PADDING_MAX)
    }

    fn line(&self, cells: &[&str], widths: &[usize]) -> String {
        let mut line = String::new();
        for (i, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            let text = cells.get(i).copied().unwrap_or("");
            line.push_str(&if column.right {
                format!("| {text:>width$} ")
            } else {
                format!("| {text:<width$} ")
            });
        }
        line.push_str("|\n");
        line
    }
}

/// Text that stays inside its cell and is no HTML.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|").replace('<', "&lt;")
}

/// A heading of the second level.
pub(crate) fn heading(title: &str) -> String {
    format!("\n## {title}\n\n")
}

/// A heading of the third level.
pub(crate) fn subheading(title: &str) -> String {
    format!("\n### {title}\n\n")
}

/// A block of code, whatever backticks are in it.
pub(crate) fn code_block(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0).max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["driver", ">p50"]);
        table.row(["file", "105 us"]);
        table.row(["a\nlonger | name", "4 ms"]);
        table.row(["short"]);
        let expected = "\
| driver           |    p50 |
| ---------------- | -----: |
| file             | 105 us |
| a longer \\| name |   4 ms |
| short            |        |
";
        assert_eq!(table.text(), expected);
    }

    #[test]
    fn code_cannot_leave_its_block() {
        assert_eq!(code_block("a"), "```text\na\n```\n");
        assert!(code_block("```\nb").starts_with("````text\n"));
    }
}
