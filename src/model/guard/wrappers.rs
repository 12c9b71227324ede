//! Programs that run other programs: each with its own option grammar.

use super::reading::{Call, Place};
use super::value::Value;

/// What a wrapper runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inner {
    /// Another program, in a process of its own (`sudo`, `env`, `xargs`, `find -exec`).
    Argv {
        /// Its fields.
        argv: Vec<Value>,
        /// Variables that it gets besides (`env X=1`, `sudo X=1`).
        env: Vec<(String, Value)>,
        /// The directory that the wrapper changes to first (`env -C`).
        dir: Option<Value>,
        /// Where it runs.
        place: Place,
        /// Whether there are operands that the line does not show.
        more_operands: bool,
    },
    /// Shell text (`sh -c`, `ssh HOST`, `su -c`, `watch`).
    Shell {
        /// The text.
        text: Value,
        /// `$0`, `$1`, …
        args: Vec<Value>,
        /// See `Argv`.
        env: Vec<(String, Value)>,
        /// See `Argv`.
        dir: Option<Value>,
        /// See `Argv`.
        place: Place,
    },
    /// Its standard input, as shell text (`sh`, `bash -s`, `ssh HOST` with nothing behind).
    ShellInput {
        /// See `Shell`.
        args: Vec<Value>,
        /// See `Argv`.
        place: Place,
    },
    /// A file, as shell text (`sh FILE`; the reader handles `source`).
    ShellFile {
        /// The file.
        path: Value,
        /// `$1`, …
        args: Vec<Value>,
    },
    /// Text of another language (`python3 -c`, `awk '…'`).
    Code {
        /// As in [`super::reading::Code`].
        language: &'static str,
        /// The text.
        text: Value,
    },
    /// Its standard input, as text of another language (`python3`, `python3 -`, `make -f -`).
    CodeInput {
        /// As in [`super::reading::Code`].
        language: &'static str,
    },
}

/// What a call runs besides itself; nothing for an ordinary program. `sh -n` runs nothing.
#[must_use]
pub fn inner(call: &Call) -> Vec<Inner> {
    let _ = call;
    Vec::new()
}

/// Not yet.
#[must_use]
pub fn transparent_tail(call: &Call) -> Vec<Vec<Value>> {
    let _ = call;
    Vec::new()
}
