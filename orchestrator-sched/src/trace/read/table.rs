//! A CSV file with a first line of column names.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{MAX_BYTES, ReadError};

/// The rows of a file.
pub(super) struct Table {
    path: PathBuf,
    columns: csv::StringRecord,
    rows: csv::StringRecordsIntoIter<std::io::Take<File>>,
}

/// One row.
pub(super) struct Row {
    path: PathBuf,
    line: u64,
    columns: csv::StringRecord,
    fields: csv::StringRecord,
}

impl Table {
    /// Opens a file and reads its first line.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file.take(MAX_BYTES));
        let columns = reader.headers().map_err(|why| bad(path, &why))?.clone();
        Ok(Self { path: path.to_owned(), columns, rows: reader.into_records() })
    }

    /// Whether there is a column of this name.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|other| other == column)
    }
}

fn bad(path: &Path, why: &csv::Error) -> ReadError {
    let line = why.position().map_or(1, csv::Position::line);
    ReadError::row(path, line, why.to_string())
}

impl Iterator for Table {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let fields = match self.rows.next()? {
            Ok(fields) => fields,
            Err(why) => return Some(Err(bad(&self.path, &why))),
        };
        let line = fields.position().map_or(0, csv::Position::line);
        if fields.len() > self.columns.len() {
            let why =
                format!("{} fields where there are {} columns", fields.len(), self.columns.len());
            return Some(Err(ReadError::row(&self.path, line, why)));
        }
        let (path, columns) = (self.path.clone(), self.columns.clone());
        Some(Ok(Row { path, line, columns, fields }))
    }
}

impl Row {
    /// The text of a column; empty where it is not there.
    pub(super) fn text(&self, column: &str) -> &str {
        let index = self.columns.iter().position(|other| other == column);
        index.and_then(|index| self.fields.get(index)).unwrap_or_default().trim()
    }

    /// The number in a column.
    pub(super) fn number<T: FromStr>(&self, column: &str) -> Result<T, ReadError> {
        self.optional(column)?.ok_or_else(|| self.wrong(column, "there is no value"))
    }

    /// The number in a column that may be empty.
    pub(super) fn optional<T: FromStr>(&self, column: &str) -> Result<Option<T>, ReadError> {
        match self.text(column) {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.wrong(column, format!("{text:?} is not a number that fits"))),
            },
        }
    }

    /// The number in a column, within bounds.
    pub(super) fn bounded(&self, column: &str, low: i64, high: i64) -> Result<i64, ReadError> {
        match self.number::<i64>(column)? {
            number if (low..=high).contains(&number) => Ok(number),
            number => Err(self.wrong(column, format!("{number} is not within {low} and {high}"))),
        }
    }

    /// What is wrong with a column of this row.
    pub(super) fn wrong(&self, column: &str, why: impl std::fmt::Display) -> ReadError {
        ReadError::row(&self.path, self.line, format!("{column}: {why}"))
    }
}
