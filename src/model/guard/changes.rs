//! Which of its operands a program deletes, writes or re-modes: the table behind the rules about paths.

use super::reading::Call;
use super::value::Value;

/// What a call would do to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Remove it, move it away, or empty a directory (`find -delete`, `rsync --delete`, `git clean`).
    Delete {
        /// The path as the call names it.
        path: Value,
        /// With everything below.
        recursive: bool,
    },
    /// Create, change, truncate, replace, link or re-own it.
    Write {
        /// The path as the call names it.
        path: Value,
    },
    /// Change its mode.
    Mode {
        /// The path as the call names it.
        path: Value,
        /// The new mode, octal or symbolic.
        mode: Value,
        /// With everything below.
        recursive: bool,
    },
}

/// What a call would do, its redirections included.
#[must_use]
pub fn changes(call: &Call) -> Vec<Change> {
    let writes = call.redirects.iter().filter(|r| r.writes());
    writes.map(|r| Change::Write { path: r.target.clone() }).collect()
}
