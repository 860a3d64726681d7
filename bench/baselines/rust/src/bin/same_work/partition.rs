//! The rows of one symbol and day, a file per column: `{folder}/{exchange}/{symbol}/TRADES/{column}.{DD}.{MM}.{YY}.bin`.
//! Rows are gathered as they come and turned into columns when they are written.
use crate::row::{day_of, Row, COLUMNS};
use std::fs::{create_dir_all, File};
use std::io::{Result, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Rows that are written ahead of their time.
const ROWS_MAX: usize = 8192;

pub struct Partition {
    pub stream: u32,
    pub last_id: u64,
    folder: PathBuf,
    rows: Vec<Row>,
    oldest: Instant,
    day: u32,
    files: Vec<File>,
}

impl Partition {
    pub fn new(folder: PathBuf, stream: u32) -> Self {
        let oldest = Instant::now();
        Self { stream, last_id: 0, folder, rows: Vec::new(), oldest, day: 0, files: Vec::new() }
    }

    pub fn push(&mut self, row: Row, column: &mut Vec<u32>) -> Result<()> {
        if day_of(&row) != self.day {
            self.flush(column)?;
            self.open(day_of(&row))?;
        }
        if self.rows.is_empty() {
            self.oldest = Instant::now();
        }
        self.rows.push(row);
        if self.rows.len() < ROWS_MAX { Ok(()) } else { self.flush(column) }
    }

    fn open(&mut self, day: u32) -> Result<()> {
        create_dir_all(&self.folder)?;
        let stamp = stamp_of(day);
        let open = |(name, _, _): &(&str, usize, usize)| {
            File::options().create(true).append(true).open(self.folder.join(format!("{name}.{stamp}.bin")))
        };
        self.files = COLUMNS.iter().map(open).collect::<Result<_>>()?;
        self.day = day;
        Ok(())
    }

    /// Writes rows that have waited for so long.
    pub fn flush_older(&mut self, age: Duration, column: &mut Vec<u32>) -> Result<()> {
        if self.rows.is_empty() || self.oldest.elapsed() < age { Ok(()) } else { self.flush(column) }
    }

    /// Writes every row; `column` is a buffer that all partitions share.
    pub fn flush(&mut self, column: &mut Vec<u32>) -> Result<()> {
        for ((_, word, words), file) in COLUMNS.iter().zip(&mut self.files) {
            column.clear();
            for row in &self.rows {
                column.extend_from_slice(&row[*word..word + words]);
            }
            file.write_all(bytemuck::cast_slice(column))?;
        }
        self.rows.clear();
        Ok(())
    }
}

/// `21.11.26` of days since 1970-01-01 (Howard Hinnant, civil_from_days).
fn stamp_of(day: u32) -> String {
    let z = day + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    format!("{:02}.{:02}.{:02}", day_of_month, month, year % 100)
}
