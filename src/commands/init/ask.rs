//! The few questions of `init`, on a terminal; an empty line takes what is in brackets.

use anyhow::Result;
use std::path::PathBuf;

use super::account;
use crate::model::init::short;
use crate::model::name::AccountName;
use crate::output::Output;
use crate::sys::paths::{self, Roots};

/// One line; empty at the end of the input.
fn line(question: &str, default: &str, out: &Output) -> String {
    out.note(&format!("{question} [{default}]"));
    let mut text = String::new();
    let _ = std::io::stdin().read_line(&mut text);
    let text = text.trim();
    if text.is_empty() { default.to_owned() } else { text.to_owned() }
}

/// Yes or no; yes by an empty line, no by the end of the input.
pub(super) fn yes(question: &str, out: &Output) -> bool {
    out.note(&format!("{question} [Y/n]"));
    let mut text = String::new();
    match std::io::stdin().read_line(&mut text) {
        Ok(0) | Err(_) => false,
        Ok(_) => matches!(text.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes"),
    }
}

/// The accounts, by their names.
pub(super) fn accounts(
    found: (AccountName, PathBuf),
    roots: &Roots,
    out: &Output,
) -> Result<Vec<(AccountName, PathBuf)>> {
    let default = format!("{}={}", found.0, short(&found.1, &roots.home));
    let question = "accounts, the preferred one first, as NAME or NAME=HOME, with spaces between";
    loop {
        let text = line(question, &default, out);
        match text.split_whitespace().map(|word| account(word, roots)).collect::<Result<Vec<_>>>() {
            Ok(accounts) if !accounts.is_empty() => return Ok(accounts),
            Ok(_) => {}
            Err(e) => out.warn(&format!("{e:#}")),
        }
    }
}

/// The projects, by their directories.
pub(super) fn projects(found: &[PathBuf], out: &Output) -> Vec<PathBuf> {
    let default: Vec<String> = if found.is_empty() {
        vec![".".to_owned()]
    } else {
        found.iter().map(|p| p.display().to_string()).collect()
    };
    loop {
        let text = line("directories of projects, with spaces between", &default.join(" "), out);
        // What was offered is taken as it is: a path may hold spaces.
        let words: Vec<String> =
            if text == default.join(" ") { default.clone() } else { shlex::split(&text).unwrap_or_default() };
        let dirs: Vec<PathBuf> = words.iter().filter_map(|w| paths::absolute_path(w.as_ref()).ok()).collect();
        match dirs.iter().find(|dir| !dir.is_dir()) {
            None if !dirs.is_empty() => return dirs,
            None => {}
            Some(missing) => out.warn(&format!("not a directory: `{}`", missing.display())),
        }
    }
}

/// How many sessions.
pub(super) fn pool(out: &Output) -> u32 {
    loop {
        match line("how many sessions may work at once", "3", out).parse() {
            Ok(n) if (1..=100).contains(&n) => return n,
            _ => out.warn("a number from 1 to 100"),
        }
    }
}
