//! What is too much to be read in time.
//!
//! The text is counted before the parser sees it, and what the reading itself costs is counted as it goes:
//! nothing that an agent writes can make the guard slow, since a hook that is too slow lets the call run.

use std::fmt;

use super::scan;

/// The most shell text, in bytes.
pub const MAX_BYTES: usize = 64 << 10;
/// The most words.
pub const MAX_WORDS: usize = 4096;
/// The deepest nesting of anything.
pub const MAX_NESTING: usize = 24;
/// The deepest nesting of substitutions: the parser's time grows faster than their depth.
pub const MAX_SUBSTITUTIONS: usize = 8;
/// The deepest nesting of texts in texts: `sh -c "sh -c …"`, functions that call functions.
const MAX_DEPTH: usize = 12;
/// The most commands and words that are looked at, loops and calls of functions unrolled.
const MAX_STEPS: usize = 16_000;
/// The most text that is parsed in all.
const MAX_PARSED: usize = 4 * MAX_BYTES;
/// The most text that is made on the way: by expansions, and as the output of commands. `x=$x$x` doubles.
pub const MAX_MADE: usize = 8 * MAX_BYTES;

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

fn within(what: &'static str, is: usize, most: usize) -> Result<(), Limit> {
    if is > most { Err(Limit { what, most }) } else { Ok(()) }
}

/// Counts a text.
///
/// # Errors
/// The first limit that it is over.
pub fn check(text: &str) -> Result<(), Limit> {
    within("bytes of shell text", text.len(), MAX_BYTES)?;
    let counts = scan::count(text);
    within("words", counts.words, MAX_WORDS)?;
    within("levels of nesting", counts.nesting, MAX_NESTING)?;
    within("levels of command substitution", counts.substitutions, MAX_SUBSTITUTIONS)
}

/// What one reading may cost in all.
#[derive(Debug, Default)]
pub struct Budget {
    steps: usize,
    parsed: usize,
    made: usize,
    depth: usize,
}

impl Budget {
    /// One more command or word.
    ///
    /// # Errors
    /// If it is one too many.
    pub fn step(&mut self) -> Result<(), Limit> {
        self.spend(1)
    }

    /// As much as `steps` commands or words.
    ///
    /// # Errors
    /// If it is too much.
    pub fn spend(&mut self, steps: usize) -> Result<(), Limit> {
        self.steps = self.steps.saturating_add(steps);
        within("commands and words, loops unrolled", self.steps, MAX_STEPS)
    }

    /// So much text that an expansion or a command has made, in bytes.
    ///
    /// # Errors
    /// If it is too much together with what was before.
    pub fn make(&mut self, bytes: usize) -> Result<(), Limit> {
        self.made = self.made.saturating_add(bytes);
        within("bytes of expanded text", self.made, MAX_MADE)
    }

    /// One more text to parse, inside another.
    ///
    /// # Errors
    /// If it is over a limit, or too much or too deep together with what was before.
    pub fn enter(&mut self, text: &str) -> Result<(), Limit> {
        check(text)?;
        self.parsed += text.len();
        within("bytes of shell text, inner texts counted again", self.parsed, MAX_PARSED)?;
        self.deeper()
    }

    /// One level deeper, without a text.
    ///
    /// # Errors
    /// If that is too deep.
    pub fn deeper(&mut self) -> Result<(), Limit> {
        self.depth += 1;
        within("levels of commands in commands", self.depth, MAX_DEPTH)
    }

    /// One level up again.
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_a_limit_is_named() {
        assert!(check("ls -la").is_ok());
        assert!(check(&"a ".repeat(40_000)).unwrap_err().to_string().contains("bytes"));
        assert!(check(&"a ".repeat(5000)).unwrap_err().to_string().contains("words"));
        assert!(check(&"(".repeat(30)).unwrap_err().to_string().contains("nesting"));
        assert!(check(&"$(".repeat(10)).unwrap_err().to_string().contains("substitution"));
    }
}
