//! Rows of an answer as columns: aligned with titles on a terminal, by tabs elsewhere.
//!
//! Must never hold more than a page of rows: the widths of the first ones serve for all.

use std::io::{self, Write};

/// Rows that are looked at for the widths.
const ROWS_LOOKED_AT: usize = 500;

/// A table under way.
pub(super) struct Table {
    columns: &'static [&'static str],
    /// Whether columns are aligned.
    aligned: bool,
    widths: Vec<usize>,
    /// Rows that wait for the widths; none once those are known.
    waiting: Option<Vec<Vec<String>>>,
}

impl Table {
    /// An empty one.
    pub(super) fn new(columns: &'static [&'static str], aligned: bool) -> Self {
        Self {
            columns,
            aligned,
            widths: columns.iter().map(|title| title.len()).collect(),
            waiting: aligned.then(Vec::new),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn row(&mut self, row: Vec<String>, out: &mut impl Write) -> io::Result<()> {
        let Some(waiting) = &mut self.waiting else {
            return self.write(&row, out);
        };
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
        waiting.push(row);
        if waiting.len() >= ROWS_LOOKED_AT {
            return self.finish(out);
        }
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        let rows = self.waiting.take().unwrap_or_default();
        if !rows.is_empty() {
            let titles: Vec<_> = self
                .columns
                .iter()
                .map(|title| title.to_uppercase())
                .collect();
            self.write(&titles, out)?;
        }
        rows.iter().try_for_each(|row| self.write(row, out))
    }

    fn write(&self, row: &[String], out: &mut impl Write) -> io::Result<()> {
        if !self.aligned {
            return writeln!(out, "{}", row.join("\t"));
        }
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&self.widths) {
            line += &format!("{cell:width$}  ");
        }
        writeln!(out, "{}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(aligned: bool) -> String {
        let mut table = Table::new(&["name", "size"], aligned);
        let mut out = Vec::new();
        for (name, size) in [("a", "10"), ("longer", "9")] {
            let row = vec![name.to_owned(), size.to_owned()];
            table.row(row, &mut out).unwrap();
        }
        table.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_are_aligned_on_a_terminal_and_tabbed_elsewhere() {
        assert_eq!(print(true), "NAME    SIZE\na       10\nlonger  9\n");
        assert_eq!(print(false), "a\t10\nlonger\t9\n");
    }
}
