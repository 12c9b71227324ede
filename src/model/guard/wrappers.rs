//! Programs that run other programs: each with its own option grammar.

pub(in crate::model::guard) mod containers;
mod each;
mod environment;
mod git;
mod interpreters;
mod privilege;
mod program_options;
mod proxies;
mod remote;
mod shells;
mod subcommands;
mod tails;
mod terminals;
mod variables;
mod words;

use super::options::Parsed;
use super::reading::{Call, Place};
use super::value::Value;

pub use self::tails::transparent_tail;

/// The most words of one call that are tried as the first of the command, because they are unknown.
const MAX_READINGS: usize = 8;

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
    /// A file, as text of another language (`python3 FILE`, `make -f FILE`).
    CodeFile {
        /// As in [`super::reading::Code`].
        language: &'static str,
        /// The file.
        path: Value,
    },
    /// Its standard input, as text of another language (`python3`, `python3 -`, `make -f -`).
    CodeInput {
        /// As in [`super::reading::Code`].
        language: &'static str,
    },
}

impl Inner {
    fn argv(argv: Vec<Value>) -> Self {
        Inner::Argv { argv, env: Vec::new(), dir: None, place: Place::Here, more_operands: false }
    }

    fn shell(text: Value) -> Self {
        Inner::Shell { text, args: Vec::new(), env: Vec::new(), dir: None, place: Place::Here }
    }

    fn input() -> Self {
        Inner::ShellInput { args: Vec::new(), place: Place::Here }
    }

    /// The same, run at another place.
    fn at(mut self, new: Place) -> Self {
        match &mut self {
            Inner::Argv { place, .. } | Inner::Shell { place, .. } | Inner::ShellInput { place, .. } => {
                *place = new;
            }
            _ => {}
        }
        self
    }

    /// The same, with another working directory and variables.
    fn with(mut self, new_dir: Option<&Value>, new_env: &[(String, Value)]) -> Self {
        if let Inner::Argv { dir, env, .. } | Inner::Shell { dir, env, .. } = &mut self {
            if new_dir.is_some() {
                *dir = new_dir.cloned();
            }
            env.extend_from_slice(new_env);
        }
        self
    }
}

/// What a call runs besides itself; nothing for an ordinary program. `sh -n` runs nothing.
#[must_use]
pub fn inner(call: &Call) -> Vec<Inner> {
    let Some(program) = call.program.as_deref() else { return could_run(call) };
    let mut found = handler(program).map(|handler| handler.read(program, call)).unwrap_or_default();
    if !call.env.is_empty() {
        variables::inner(program, call, &mut found);
    }
    found
}

/// How a program's line is read.
enum Handler {
    Proxy(&'static proxies::Proxy),
    Own(fn(&str, &Call) -> Vec<Inner>),
}

impl Handler {
    fn read(&self, program: &str, call: &Call) -> Vec<Inner> {
        match self {
            Handler::Proxy(proxy) => proxy.read(call.args()),
            Handler::Own(read) => read(program, call),
        }
    }
}

fn handler(program: &str) -> Option<Handler> {
    let exact = |name: &str| {
        proxies::find(name).map(Handler::Proxy).or_else(|| {
            let own = privilege::reader(name)
                .or_else(|| environment::reader(name))
                .or_else(|| shells::reader(name))
                .or_else(|| each::reader(name))
                .or_else(|| interpreters::reader(name))
                .or_else(|| remote::reader(name))
                .or_else(|| containers::reader(name))
                .or_else(|| subcommands::reader(name))
                .or_else(|| terminals::reader(name))
                .or_else(|| program_options::reader(name));
            own.or(if name == "git" { Some(git::inner) } else { None }).map(Handler::Own)
        })
    };
    exact(program).or_else(|| {
        // `python3.11`, `perl5.36`, `lua5.4`
        let base = program.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
        let known = base != program && (shells::reader(base).is_some() || interpreters::reader(base).is_some());
        if known { exact(base) } else { None }
    })
}

/// Whether this module knows what the program runs.
fn is_known(program: &str) -> bool {
    handler(program).is_some()
}

/// The programs that a pattern in the program's place is held against: `/bin/s?`.
const OFTEN_HIDDEN: &[&str] = &["sh", "bash", "sudo", "env", "xargs", "find", "python3", "perl", "git", "busybox"];

/// What a call runs whose program is a pattern: what it would run as each of some programs that it could be.
fn could_run(call: &Call) -> Vec<Inner> {
    let Some(word) = call.argv.first().filter(|w| w.has_glob()) else { return Vec::new() };
    let could = |name: &str| ["", "/bin/", "/usr/bin/"].iter().any(|dir| word.could_be(&format!("{dir}{name}")));
    OFTEN_HIDDEN
        .iter()
        .filter(|name| could(name))
        .filter_map(|name| Some(handler(name)?.read(name, call)))
        .flatten()
        .collect()
}

/// The words joined by spaces, as a shell gets them from programs that join their operands.
fn join(words: &[Value]) -> Value {
    let mut text = Value::default();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            text.push_text(" ");
        }
        text.append(word);
    }
    text
}

/// The commands that stand behind a wrapper's options and so many operands: one, or some where a word in front
/// is unknown and could be an option or the first operand.
fn commands<'a>(parsed: &Parsed, words: &'a [Value], skip: usize) -> Vec<&'a [Value]> {
    let starts = parsed.perhaps_first.iter().take(MAX_READINGS).copied();
    starts
        .chain(parsed.operands_at.first().copied())
        .filter_map(|start| words.get(start.checked_add(skip)?..))
        .filter(|words| !words.is_empty())
        .collect()
}

/// Whether a file operand is the program's standard input.
pub(super) fn is_stdin(file: &Value) -> bool {
    matches!(
        file.known(),
        Some("-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" | "/proc/thread-self/fd/0" | "/proc/$$/fd/0")
    )
}

/// Takes the assignments off the front of a command.
fn assignments(words: &[Value]) -> (Vec<(String, Value)>, &[Value]) {
    let mut env = Vec::new();
    let mut rest = words;
    while let Some((first, behind)) = rest.split_first() {
        match first.split_once('=') {
            Some((name, value)) if !name.is_empty() && !name.starts_with('-') => {
                env.push((name.to_owned(), value));
            }
            _ => break,
        }
        rest = behind;
    }
    (env, rest)
}
