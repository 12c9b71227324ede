//! What is too much to be read in time. Checked before the parser sees the text.

use std::fmt;

/// The most shell text, in bytes.
pub const MAX_BYTES: usize = 64 << 10;

/// A limit that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What there is too much of.
    pub what: &'static str,
    /// The most that is read.
    pub most: usize,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} {}", self.most, self.what)
    }
}

/// Counts.
///
/// # Errors
/// The first limit that the text is over.
pub fn check(text: &str) -> Result<(), Limit> {
    if text.len() > MAX_BYTES {
        return Err(Limit { what: "bytes of shell text", most: MAX_BYTES });
    }
    Ok(())
}
