//! Programs that nobody has a table for: does the rest of their line read like a command?

use super::is_known;
use crate::model::guard::reading::Call;
use crate::model::guard::value::Value;

/// The most commands that are seen in one line.
const MAX_TAILS: usize = 8;

/// Programs that a rule is about: where one stands behind an unknown program, what follows is judged.
const VERBS: &[&str] = &[
    "blkdiscard",
    "chmod",
    "chown",
    "crontab",
    "dd",
    "doas",
    "eval",
    "find",
    "git",
    "mke2fs",
    "mkfs",
    "mkswap",
    "mv",
    "pkexec",
    "rm",
    "rmdir",
    "rsync",
    "run0",
    "shred",
    "su",
    "sudo",
    "sudoedit",
    "tee",
    "truncate",
    "unlink",
    "wipefs",
    "xargs",
];

/// Verbs that people and other programs have as ordinary words too: with nothing behind that is an option or a
/// path, they are no command.
const PLAIN_WORDS: &[&str] =
    &["find", "git", "mv", "su", "sudo", "tee", "eval", "doas", "rsync", "truncate", "unlink"];

/// Directories of programs.
const BINS: &[&str] = &["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"];

/// Programs whose operands are data, file names or packages. Sorted.
const CONSUMERS: &[&str] = &[
    ":",
    "[",
    "[[",
    "ack",
    "ag",
    "alias",
    "apk",
    "apropos",
    "apt-file",
    "b2sum",
    "base32",
    "base64",
    "basename",
    "bat",
    "batcat",
    "bg",
    "brew",
    "cal",
    "cat",
    "cd",
    "chgrp",
    "chmod",
    "choco",
    "chown",
    "cksum",
    "clear",
    "cloc",
    "cmp",
    "code",
    "column",
    "comm",
    "compgen",
    "complete",
    "cowsay",
    "cp",
    "csplit",
    "curl",
    "cut",
    "date",
    "dd",
    "declare",
    "df",
    "diff",
    "difft",
    "dig",
    "dir",
    "dirname",
    "dirs",
    "disown",
    "dnf",
    "dpkg-query",
    "du",
    "echo",
    "egrep",
    "emerge",
    "eslint",
    "espeak",
    "exa",
    "export",
    "expr",
    "eza",
    "false",
    "fg",
    "fgrep",
    "figlet",
    "file",
    "fmt",
    "fold",
    "gem",
    "getent",
    "gh",
    "glab",
    "go",
    "grep",
    "groups",
    "hash",
    "head",
    "help",
    "hexdump",
    "history",
    "host",
    "iconv",
    "id",
    "info",
    "install",
    "jest",
    "jobs",
    "join",
    "jq",
    "kill",
    "killall",
    "let",
    "link",
    "ln",
    "local",
    "locate",
    "logger",
    "lolcat",
    "ls",
    "lsof",
    "mail",
    "man",
    "md5sum",
    "mdcat",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "nl",
    "notify-send",
    "nproc",
    "od",
    "open",
    "pacman",
    "paste",
    "patch",
    "pgrep",
    "pidof",
    "pip",
    "pip3",
    "pkg",
    "pkill",
    "popd",
    "port",
    "prettier",
    "printenv",
    "printf",
    "ps",
    "pushd",
    "pwd",
    "py.test",
    "pytest",
    "read",
    "readlink",
    "readonly",
    "realpath",
    "return",
    "rm",
    "rmdir",
    "ruff",
    "say",
    "seq",
    "set",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "shellcheck",
    "shfmt",
    "shift",
    "shred",
    "shuf",
    "sleep",
    "snap",
    "sort",
    "source",
    "stat",
    "strings",
    "stty",
    "sum",
    "systemctl",
    "tac",
    "tail",
    "tee",
    "test",
    "tldr",
    "top",
    "touch",
    "tr",
    "tree",
    "true",
    "truncate",
    "tsort",
    "type",
    "typeset",
    "unalias",
    "uname",
    "unexpand",
    "uniq",
    "unlink",
    "unset",
    "vitest",
    "vulture",
    "wall",
    "wc",
    "whatis",
    "whereis",
    "which",
    "who",
    "write",
    "xdg-open",
    "xxd",
    "yes",
    "yq",
    "yum",
    "zcat",
    "zgrep",
    "zypper",
];

/// The parts of a call's line that read like commands of their own, where nobody knows what its program does with
/// its operands: transparent proxies (`myproxy rm …`). The rules decide about them.
#[must_use]
pub fn transparent_tail(call: &Call) -> Vec<Vec<Value>> {
    if let Some(program) = call.program.as_deref() {
        let ours = program == "claude-failover" && call.args().first().and_then(Value::known) == Some("guard");
        // The cheap questions first: most lines hold no such word.
        if ours || !call.args().iter().any(|word| verb(word).is_some()) {
            return Vec::new();
        }
        if CONSUMERS.binary_search(&program).is_ok() || is_known(program) {
            return Vec::new();
        }
    }
    let args = call.args();
    let reads = |(at, word): (usize, &Value)| {
        let name = verb(word)?;
        let tail = args.get(at..)?;
        let rest = tail.get(1..).unwrap_or_default();
        let shell = matches!(name, "sh" | "bash" | "dash" | "zsh" | "ksh");
        let command = if shell {
            rest.first().is_some_and(|w| w.starts_with("-") && w.known_start().contains('c'))
        } else if PLAIN_WORDS.contains(&name) {
            rest.len() > 1 || rest.first().is_some_and(|w| w.known_start().starts_with(['-', '/', '~', '.']))
        } else {
            !rest.is_empty()
        };
        command.then(|| tail.to_vec())
    };
    args.iter().enumerate().filter_map(reads).take(MAX_TAILS).collect()
}

/// The program that a word names, if it is one of those that matter.
fn verb(word: &Value) -> Option<&str> {
    let known = word.known()?;
    let name = BINS.iter().find_map(|dir| known.strip_prefix(dir)).unwrap_or(known);
    let listed = VERBS.binary_search(&name).is_ok()
        || matches!(name, "sh" | "bash" | "dash" | "zsh" | "ksh")
        || name.starts_with("mkfs.");
    listed.then_some(name)
}

#[cfg(test)]
pub(super) fn lists() -> [&'static [&'static str]; 2] {
    [VERBS, CONSUMERS]
}
