//! A stand-in for a program: notes how it was called, and does the little that a line of shell text can depend
//! on: `curl` has a page, `git` follows `checkout` and runs aliases. (Programs whose work a line rests on, `find`,
//! `xargs`, `tee`, …, are real in the lab; what they do to files is seen by what changes.)

use serde_json::json;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Where the calls are noted, a JSON object a line.
pub const LOG: &str = "/.lab/log";

/// Called as `name`.
pub fn run(name: &str) -> ExitCode {
    let args: Vec<String> = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let argv: Vec<&str> = std::iter::once(name).chain(args.iter().map(String::as_str)).collect();
    note(&argv);
    match name {
        "curl" | "wget" => download(name, &args),
        "git" => git(&args),
        _ => ExitCode::SUCCESS,
    }
}

/// Notes a call: its fields, its directory, the fields with their paths resolved as far as links go, and the
/// branch of the repository around.
fn note(argv: &[&str]) {
    let cwd = std::env::current_dir().unwrap_or_default();
    let resolved: Vec<String> = argv.iter().map(|a| resolve(a, &cwd)).collect();
    let head = cwd.ancestors().find_map(|d| {
        let text = std::fs::read_to_string(d.join(".git/HEAD")).ok()?;
        Some(json!([d.join(".git/HEAD"), text]))
    });
    let stdin_is_pipe = std::fs::metadata("/proc/self/fd/0").is_ok_and(|m| m.file_type().is_fifo());
    let mut line = json!({"cwd": cwd, "argv": argv, "head": head, "stdin_is_pipe": stdin_is_pipe});
    if resolved.iter().zip(argv).any(|(r, a)| r != a) {
        line["resolved"] = json!(resolved);
    }
    let mut text = line.to_string();
    text.push('\n');
    if let Ok(mut log) = std::fs::OpenOptions::new().append(true).open(LOG) {
        let _ = log.write_all(text.as_bytes());
    }
}

/// A path with the links of its parents followed; anything else as it is.
fn resolve(arg: &str, cwd: &Path) -> String {
    let (front, path) = match arg.split_once('=') {
        Some((name, value)) if value.starts_with('/') => (format!("{name}="), value),
        _ => (String::new(), arg),
    };
    if path.starts_with('-') || !path.contains('/') {
        return arg.to_owned();
    }
    let full = cwd.join(path);
    let trailing = path.ends_with('/') || path.ends_with("/.");
    let (parent, name) = match (trailing, full.parent(), full.file_name()) {
        (false, Some(parent), Some(name)) => (parent.to_owned(), Some(name.to_owned())),
        _ => (full.clone(), None),
    };
    let Ok(parent) = std::fs::canonicalize(&parent) else { return arg.to_owned() };
    let whole: PathBuf = name.map_or(parent.clone(), |n| parent.join(n));
    // A path without links stays as it was written.
    if std::path::absolute(&full).is_ok_and(|f| f == whole) {
        arg.to_owned()
    } else {
        format!("{front}{}", whole.display())
    }
}

/// What a page would hold that is fed to a shell, and what one that was stored first.
fn download(name: &str, args: &[String]) -> ExitCode {
    let file = args.iter().enumerate().find_map(|(i, a)| match a.as_str() {
        "-o" | "--output" | "-O" if a != "-O" || name == "wget" => args.get(i + 1).map(String::as_str),
        "-O" => Some("page"),
        _ => None,
    });
    match file.filter(|f| *f != "-" && *f != "/dev/stdout") {
        Some(path) => {
            let _ = std::fs::write(path, "payload-stored\n");
        }
        None => {
            let stored = std::fs::metadata("/proc/self/fd/1").is_ok_and(|m| m.is_file());
            let _ = std::io::stdout().write_all(if stored { b"payload-stored\n" } else { b"payload-run\n" });
        }
    }
    ExitCode::SUCCESS
}

/// Follows `checkout` and `switch`, and runs aliases that are given on the line.
fn git(args: &[String]) -> ExitCode {
    let mut aliases: Vec<(&str, &str)> = Vec::new();
    let mut dir = std::env::current_dir().unwrap_or_default();
    let mut rest = args.iter().map(String::as_str).peekable();
    let mut front: Vec<&str> = Vec::new();
    while let Some(word) = rest.peek().copied().filter(|w| w.starts_with('-')) {
        rest.next();
        let value = if matches!(word, "-C" | "-c" | "--git-dir" | "--work-tree") { rest.next() } else { None };
        match (word, value) {
            ("-C", Some(to)) => dir = dir.join(to),
            ("-c", Some(setting)) => {
                if let Some(alias) = setting.strip_prefix("alias.").and_then(|s| s.split_once('=')) {
                    aliases.push(alias);
                    continue;
                }
            }
            _ => {}
        }
        front.push(word);
        front.extend(value);
    }
    let command = rest.next().unwrap_or_default();
    let rest: Vec<&str> = rest.collect();
    if let Some((_, text)) = aliases.iter().find(|(name, _)| *name == command) {
        let mut child = if let Some(shell) = text.strip_prefix('!') {
            let mut child = Command::new("/bin/sh");
            child.args(["-c", &format!("{shell} \"$@\""), shell]);
            child
        } else {
            let mut child = Command::new("/usr/bin/git");
            child.args(&front).args(text.split_whitespace());
            child
        };
        let _ = child.args(&rest).current_dir(&dir).status();
    }
    if matches!(command, "checkout" | "switch") {
        let to = rest.iter().rfind(|w| !w.starts_with('-'));
        if let Some((to, repository)) = to.zip(dir.ancestors().find(|d| d.join(".git").is_dir())) {
            let _ = std::fs::write(repository.join(".git/HEAD"), format!("ref: refs/heads/{to}\n"));
        }
    }
    if command == "hash-object" && !std::io::stdin().is_terminal() {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    }
    ExitCode::SUCCESS
}
