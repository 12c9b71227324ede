//! Shells: what runs as their text, and what is only read.

use super::{Inner, is_stdin};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::{Part, Value};

/// How a shell's line is read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    Some(match name {
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "ksh93" | "pdksh" | "oksh" | "loksh"
        | "rbash" | "rzsh" | "rksh" | "lksh" | "posh" | "yash" | "hush" | "lash" | "csh" | "tcsh"
        | "bash-static" | "zsh-static" | "static-sh" | "osh" | "ysh" => |_, call| read(call.args(), Place::Here),
        "fish" | "elvish" | "nu" | "xonsh" | "pwsh" | "powershell" => |_, call| with_table(call.args()),
        _ => return None,
    })
}

/// Whether this is a shell.
pub(super) fn is_shell(name: &str) -> bool {
    reader(name).is_some()
}

/// Long options that need a value; it is a file that an interactive shell runs.
const FILES: &[&str] = &["--rcfile", "--init-file"];
/// Options that make a shell print something and end.
const PRINTS: &[&str] = &["--version", "--help", "--dump-strings", "--dump-po-strings", "--rpm-requires"];

/// What was found before the first operand.
#[derive(Default)]
struct Flags {
    command: bool,
    stdin: bool,
    noexec: bool,
    /// Whether a word could be any option.
    hidden: bool,
    start_files: Vec<Value>,
}

/// Reads the words behind a shell of the Bourne family (C shells differ in nothing that matters here).
pub(super) fn read(words: &[Value], place: Place) -> Vec<Inner> {
    let mut flags = Flags::default();
    let mut at = 0;
    // An unknown word could be an option, or the first operand.
    let mut perhaps: Option<usize> = None;
    while let Some(word) = words.get(at) {
        let start = word.known_start();
        match word.known() {
            Some("--" | "-") => {
                at += 1;
                break;
            }
            Some(long) if PRINTS.contains(&long) => return Vec::new(),
            Some(long) if FILES.contains(&long) => {
                flags.start_files.extend(words.get(at + 1).cloned());
                at += 1;
            }
            Some(long) if long.starts_with("--") => flags.noexec |= long == "--noexec" || long == "--no-exec",
            _ if start.starts_with(['-', '+']) => at += cluster(word, words.get(at + 1..), &mut flags),
            None if word.parts().len() == 1 && word.has_unknown() => {
                flags.hidden = true;
                perhaps.get_or_insert(at);
            }
            _ => break,
        }
        at += 1;
    }
    if flags.noexec {
        return Vec::new();
    }
    let operands = words.get(at..).unwrap_or_default();
    let mut found: Vec<Inner> =
        flags.start_files.iter().map(|path| Inner::ShellFile { path: path.clone(), args: Vec::new() }).collect();
    if let Some(at) = perhaps {
        let words = words.get(at..).unwrap_or_default();
        found.extend(run_operands(
            &Flags { command: flags.command, stdin: flags.stdin, ..Flags::default() },
            words,
            place.clone(),
        ));
    }
    // A quoted unknown word is hardly an option of a shell that then reads its input; an unquoted one may vanish.
    let vanishes = perhaps.and_then(|at| words.get(at)).is_none_or(may_vanish);
    if vanishes || !operands.is_empty() || flags.command {
        found.extend(run_operands(&flags, operands, place.clone()));
    }
    if flags.hidden && !flags.command && !operands.is_empty() {
        found.extend(run_operands(&Flags { command: true, ..Flags::default() }, operands, place));
    }
    found
}

/// Reads one word of short options; how many of the words behind it belong to it.
fn cluster(word: &Value, behind: Option<&[Value]>, flags: &mut Flags) -> usize {
    let start = word.known_start();
    let on = start.starts_with('-');
    let mut taken = 0;
    for letter in start.chars().skip(1) {
        match letter {
            'c' => flags.command |= on,
            's' => flags.stdin |= on,
            'n' => flags.noexec = on,
            'D' if on => flags.noexec = true,
            'o' | 'O' => {
                let value = behind.and_then(|words| words.get(taken));
                if value.is_some_and(|v| v.known() == Some("noexec")) {
                    flags.noexec = on;
                }
                taken += 1;
            }
            _ => {}
        }
    }
    // `-$F` could hold a `c`.
    flags.hidden |= word.known().is_none();
    taken
}

fn may_vanish(word: &Value) -> bool {
    matches!(word.parts(), [Part::Unknown(unknown)] if unknown.splits)
}

fn run_operands(flags: &Flags, operands: &[Value], place: Place) -> Vec<Inner> {
    let (first, rest) = match operands.split_first() {
        Some((first, rest)) => (first, rest.to_vec()),
        None if flags.command => return Vec::new(),
        None => return vec![Inner::ShellInput { args: Vec::new(), place }],
    };
    vec![if flags.command {
        Inner::Shell { text: first.clone(), args: rest, env: Vec::new(), dir: None, place }
    } else if flags.stdin {
        Inner::ShellInput { args: operands.to_vec(), place }
    } else {
        file(first, rest, place)
    }]
}

/// A file that a shell runs.
pub(super) fn file(path: &Value, args: Vec<Value>, place: Place) -> Inner {
    if is_stdin(path) { Inner::ShellInput { args, place } } else { Inner::ShellFile { path: path.clone(), args } }
}

/// Shells whose options are those of getopt: fish and younger ones.
const GETOPT_SHELL: Grammar = Grammar::stop(
    "ilPNhvD:f:d:o:p:",
    &[
        "c,command,commands=",
        "C,init-command=",
        "n,no-execute",
        "no-config",
        "login",
        "interactive",
        "private",
        "features=",
        "debug=",
        "debug-output=",
        "profile=",
        "profile-startup=",
        "version",
        "help",
        "norc",
        "compileonly",
        "noprofile,nop",
        "nologo",
        "noninteractive",
        "executionpolicy,ep=",
        "file=",
        "Command=",
        "NoProfile",
        "NoLogo",
        "NonInteractive",
        "ExecutionPolicy=",
        "File=",
    ],
)
.with_one_dash();

fn with_table(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&GETOPT_SHELL, words);
    if ["n", "version", "help", "compileonly"].iter().any(|name| parsed.has(name)) {
        return Vec::new();
    }
    let texts = ["C", "c", "Command"].into_iter().flat_map(|name| parsed.values(name));
    let mut found: Vec<Inner> = texts.map(|text| Inner::shell(text.clone())).collect();
    if found.is_empty() {
        let (first, rest) = match parsed.operands.split_first() {
            Some((first, rest)) => (first, rest.to_vec()),
            None => return vec![Inner::input()],
        };
        if !parsed.hidden.is_empty() {
            found.push(Inner::shell(first.clone()));
        }
        found.push(file(first, rest, Place::Here));
    }
    found
}
