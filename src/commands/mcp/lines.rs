//! The lines of standard input, each of a bounded length.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, IsTerminal, Read, StdinLock};

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// All of it, without its end.
    Whole(Vec<u8>),
    /// It was longer than is read; all of it is gone.
    TooLong,
}

/// The lines of an input.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    most: usize,
}

impl Lines<BufReader<StdinLock<'static>>> {
    /// Those of standard input.
    pub fn of_stdin(most: usize) -> Self {
        Self { input: BufReader::new(std::io::stdin().lock()), most }
    }

    /// Whether a person types them.
    pub fn is_terminal(&self) -> bool {
        self.input.get_ref().is_terminal()
    }
}

impl<R: BufRead> Lines<R> {
    /// The next one; `None` at the end. What comes after the last newline is a line too.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub fn next(&mut self) -> Result<Option<Line>> {
        let mut line = Vec::new();
        let most = self.most as u64 + 1;
        (&mut self.input).take(most).read_until(b'\n', &mut line).context("could not read standard input")?;
        if line.last() == Some(&b'\n') {
            line.pop();
            return Ok(Some(Line::Whole(line)));
        }
        if line.len() <= self.most {
            return Ok((!line.is_empty()).then_some(Line::Whole(line)));
        }
        // The rest of it, piece by piece: a line without an end must not fill the memory.
        loop {
            line.clear();
            (&mut self.input).take(most).read_until(b'\n', &mut line).context("could not read standard input")?;
            if line.is_empty() || line.last() == Some(&b'\n') {
                return Ok(Some(Line::TooLong));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_one_by_one_and_too_long_ones_are_skipped() {
        let long = "x".repeat(100);
        let text = format!("a\r\n\n12345678\n123456789\n{long}\nb\n{long}{long}");
        let mut lines = Lines { input: text.as_bytes(), most: 8 };
        let whole = |text: &str| Some(Line::Whole(text.as_bytes().to_vec()));
        let expected =
            [whole("a\r"), whole(""), whole("12345678"), Some(Line::TooLong), Some(Line::TooLong), whole("b")];
        for line in expected {
            assert_eq!(lines.next().unwrap(), line);
        }
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().unwrap(), None);
    }
}
