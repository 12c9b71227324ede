//! What a line of shell text would run, as far as it can be read without running it.

use std::path::PathBuf;
use std::rc::Rc;

use super::value::{Taint, Value};

/// A directory that relative paths start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dir {
    /// This one, absolute.
    Known(PathBuf),
    /// One that only the running shell knows.
    Unknown,
}

/// Text that flows: standard input, the output of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The text, where it is literal in the line (`echo`, `printf`, a here-document); it may hold unknown parts.
    pub text: Option<Value>,
    /// What has flowed into it.
    pub taint: Taint,
}

/// A redirection of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The operator: `>`, `>>`, `>|`, `&>`, `&>>`, `<`, `<>`, `>&`, `<&`. Here-documents are in `Call::stdin`.
    pub operator: String,
    /// The file.
    pub target: Value,
}

impl Redirect {
    /// Whether it opens its target for writing.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self.operator.as_str() {
            // `>&2` and `>&-` duplicate and close; `>&file` writes.
            ">&" => !self
                .target
                .known()
                .is_some_and(|t| t.strip_suffix('-').unwrap_or(t).bytes().all(|b| b.is_ascii_digit())),
            ">&-" => false,
            op => op.contains('>'),
        }
    }
}

/// Where a call runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// On this machine; of what a wrapper runs: where the wrapper runs.
    #[default]
    Here,
    /// On another one: its paths are not ours, links are not looked up.
    Elsewhere,
    /// In a container, with what it sees of this machine.
    Container(Rc<[Mount]>),
}

/// A file or directory of this machine that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is in the container, name by name from the root.
    pub at: Vec<String>,
    /// What it is here: absolute.
    pub from: Value,
    /// Whether the container cannot change it.
    pub read_only: bool,
}

/// One program that the line would run, wrappers included: `sudo rm x` is two calls.
/// A redirection without a command is a call without fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its fields, the program's word first.
    pub argv: Vec<Value>,
    /// The last component of the program's word, where it is known.
    pub program: Option<String>,
    /// Assignments in front of it.
    pub env: Vec<(String, Value)>,
    /// Its working directory.
    pub dir: Dir,
    /// Its redirections, those of the compound commands around it included.
    pub redirects: Vec<Redirect>,
    /// The wrappers that it was found behind, outermost first: `["sudo", "env"]`.
    pub via: Vec<String>,
    /// Where it runs.
    pub place: Place,
    /// Whether its operands come from elsewhere than the line (`xargs`, `find -exec`): there may be more of
    /// them than `argv` says.
    pub more_operands: bool,
    /// The links that the line has made before it: (the link, what it points to), absolute.
    pub links: Rc<Vec<(PathBuf, PathBuf)>>,
    /// Its standard input. The last field, since it is the longest to compare.
    pub stdin: Stream,
}

impl Call {
    /// Its fields behind the program's word.
    #[must_use]
    pub fn args(&self) -> &[Value] {
        self.argv.get(1..).unwrap_or_default()
    }

    /// Whether a wrapper of this name stands in front of it.
    #[must_use]
    pub fn is_via(&self, wrapper: &str) -> bool {
        self.via.iter().any(|w| w == wrapper)
    }
}

/// Text that something would execute: `sh` its input, `eval` its arguments, `source` a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// What executes it: `sh`, `eval`, `python3`.
    pub by: String,
    /// What has flowed into it.
    pub taint: Taint,
    /// Whether the text was known, and its calls are among the reading's.
    pub read: bool,
    /// The file that holds it, where the line itself had fetched it into that file.
    pub file: Option<String>,
}

/// Text in another language than the shell's: `python3 -c '…'`, an `awk` program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The interpreter: `python`, `perl`, `ruby`, `node`, `php`, `awk`, `sed`, `lua`, `vim`, `make`, …
    pub language: String,
    /// The text.
    pub text: Value,
    /// The working directory.
    pub dir: Dir,
    /// Where it runs.
    pub place: Place,
}

/// Everything that was read from a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The calls, in the order of the line.
    pub calls: Vec<Call>,
    /// The texts that would be executed.
    pub executed: Vec<Executed>,
    /// The texts in other languages.
    pub code: Vec<Code>,
    /// Functions that are called and multiply themselves without end.
    pub bombs: Vec<String>,
    /// Text that could not be parsed, with the parser's reason; what was read before it stands above.
    pub unparsed: Vec<Unparsed>,
}

/// Text that could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsed {
    /// The text.
    pub text: String,
    /// The parser's reason.
    pub reason: String,
}
