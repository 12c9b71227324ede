//! Which of its operands a program deletes, writes or re-modes: the table behind the rules about paths.
//!
//! Each program has its own option grammar, since only that tells an operand from an option's value. What a
//! program runs (`find -exec`, `xargs`) is a call of its own and comes from [`super::wrappers`].

pub mod containers;
pub mod copying;
pub mod deleting;
pub mod disks;
pub mod downloading;
pub mod editing;
pub mod git;
pub mod modes;
pub mod unpacking;
pub mod writing;

use super::options::{self, Grammar, Parsed};
use super::reading::Call;
use super::value::{Part, Value};

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
    /// Move it away, be it a file or a directory.
    Move {
        /// The path as the call names it.
        path: Value,
    },
    /// Create, change, truncate, replace, link or re-own it.
    Write {
        /// The path as the call names it.
        path: Value,
    },
    /// Throw away what is in a file, by opening it (`> file`). Comes beside a `Write`.
    Empty {
        /// The path as the call names it.
        path: Value,
    },
    /// Put a file or a tree there.
    Put {
        /// The path as the call names it.
        path: Value,
        /// Whether it may be a tree, or a link to one.
        tree: bool,
        /// Only if no directory is there: then it goes into it, which is a change of its own.
        unless_directory: bool,
    },
    /// Put files into a directory whose names the line does not show (`tar -C`, `cp -r dir/.`).
    Fill {
        /// The directory as the call names it.
        path: Value,
    },
    /// Give it to a program of which nothing is known.
    Hand {
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
    /// Do that on another machine.
    Elsewhere(Box<Change>),
}

/// A program of the table.
pub struct Program {
    /// Its names; a `*` at the end stands for any end (`mkfs.*`).
    pub names: &'static [&'static str],
    /// How its options are written.
    pub grammar: Grammar,
    /// What it does.
    pub does: fn(&Asked<'_>, &mut Vec<Change>),
}

/// A call of a program of the table, its words told apart.
pub struct Asked<'a> {
    /// The call.
    pub call: &'a Call,
    /// The name of the program by which it was found.
    pub name: &'static str,
    /// Its options and operands.
    pub parsed: Parsed,
}

impl Asked<'_> {
    /// Whether the option is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.parsed.has(name)
    }

    /// Its operands.
    #[must_use]
    pub fn operands(&self) -> &[Value] {
        &self.parsed.operands
    }

    /// Whether an option that the line does not show may be among the words: `-$F`, or an unquoted `$F`.
    #[must_use]
    pub fn may_have_more_options(&self) -> bool {
        self.parsed.hidden.iter().any(|word| {
            let splits = |p: &Part| matches!(p, Part::Unknown(unknown) if unknown.splits);
            word.known_start().starts_with('-') || word.parts().iter().any(splits)
        })
    }
}

/// All programs.
fn table() -> impl Iterator<Item = &'static Program> {
    [
        deleting::PROGRAMS,
        containers::PROGRAMS,
        copying::PROGRAMS,
        writing::PROGRAMS,
        editing::PROGRAMS,
        downloading::PROGRAMS,
        unpacking::PROGRAMS,
        modes::PROGRAMS,
        disks::PROGRAMS,
        git::PROGRAMS,
    ]
    .into_iter()
    .flatten()
}

/// What a call would do, its redirections included.
#[must_use]
pub fn changes(call: &Call) -> Vec<Change> {
    let mut all = Vec::new();
    for redirect in call.redirects.iter().filter(|r| r.writes()) {
        all.push(Change::Write { path: redirect.target.clone() });
        if matches!(redirect.operator.as_str(), ">" | ">|" | "&>" | ">&") {
            all.push(Change::Empty { path: redirect.target.clone() });
        }
    }
    for (program, name) in programs(call) {
        let parsed = options::read(&program.grammar, call.args());
        // Whoever asks for help gets nothing else.
        if ["help", "version"].iter().any(|o| parsed.has(o)) {
            continue;
        }
        (program.does)(&Asked { call, name, parsed }, &mut all);
    }
    all
}

/// The programs of the table that a call could run.
fn programs(call: &Call) -> Vec<(&'static Program, &'static str)> {
    let Some(word) = call.argv.first() else { return Vec::new() };
    let mut found = Vec::new();
    for program in table() {
        let could = |name: &&&'static str| match &call.program {
            Some(known) => matches(name, known),
            None => could_be(word, name),
        };
        found.extend(program.names.iter().find(could).map(|name| (program, *name)));
    }
    // A word of which nothing is known, with the options of a recursive deletion.
    if call.program.is_none() && is_open(word) && call.args().iter().any(deletes_recursively) {
        found.extend(table().find(|p| p.names.contains(&"rm")).map(|p| (p, "rm")));
    }
    found
}

fn matches(name: &str, known: &str) -> bool {
    // Most of the table by a look at one letter: it is gone through for every command.
    if name.as_bytes().first() != known.as_bytes().first() {
        return false;
    }
    match name.strip_suffix('*') {
        Some(start) => known.starts_with(start),
        None => known == name,
    }
}

/// Whether a command word with a pattern or an unknown part could be this program.
fn could_be(word: &Value, name: &str) -> bool {
    !is_open(word)
        && ["", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"].iter().any(|dir| {
            let path = format!("{dir}{}", name.trim_end_matches(['*', '.']));
            word.could_be(&path)
        })
}

/// Whether no character of it is known.
fn is_open(word: &Value) -> bool {
    word.parts().iter().all(|p| match p {
        Part::Unknown(_) => true,
        Part::Glob(glob) => glob.chars().all(|c| c == '*'),
        Part::Text(_) => false,
    })
}

/// `-rf`, `-R`, `--recursive`: nothing but letters of `rm`.
fn deletes_recursively(word: &Value) -> bool {
    match word.known() {
        Some("--recursive") => true,
        Some(known) => known
            .strip_prefix('-')
            .is_some_and(|letters| letters.chars().all(|c| "rRfidvI".contains(c)) && letters.contains(['r', 'R'])),
        None => false,
    }
}

/// A path in a directory.
#[must_use]
pub fn join(directory: &Value, name: &Value) -> Value {
    let mut path = directory.clone();
    path.push_text("/");
    path.append(name);
    path
}

/// Everything in a directory: `directory/*`.
#[must_use]
pub fn all_in(directory: &Value) -> Value {
    join(directory, &glob("*"))
}

/// A pattern.
#[must_use]
pub fn glob(pattern: &str) -> Value {
    let mut value = Value::default();
    super::parameter::push_globs(&mut value, pattern);
    value
}

/// The last name of a path; `None` where it stands for what is in a directory (`dir/.`, `..`).
#[must_use]
pub fn last_name(path: &Value) -> Option<Value> {
    let last = path.split('/').into_iter().rev().find(|piece| !piece.parts().is_empty())?;
    (!matches!(last.known(), Some("." | ".."))).then_some(last)
}

/// A path on another machine, `host:path` or `rsync://host/path`, as a path there.
#[must_use]
pub fn remote(path: &Value) -> Option<Value> {
    if let Some(rest) = path.strip_prefix("rsync://").or_else(|| path.strip_prefix("sftp://")) {
        let (_, path) = rest.split_once('/')?;
        return Some(join(&Value::default(), &path));
    }
    let (host, rest) = path.split_once(':')?;
    if host.is_empty() || host.contains('/') {
        return None;
    }
    let start = rest.known_start();
    if start.starts_with(['/', '~']) {
        return Some(rest);
    }
    Some(join(&Value::from("~"), &rest))
}

/// The words of a call as known text; what is not known is left out.
pub fn known_words(call: &Call) -> impl Iterator<Item = &str> {
    call.args().iter().filter_map(Value::known)
}
