//! `notify --unit-failed` while the configuration is invalid: then every run fails, and those who would be told stand
//! in the very file that cannot be read. The targets of the last one that was valid are told.

use anyhow::{Error, Result};
use std::path::Path;

use super::{Args, drain};
use crate::env::{Env, Global, config_path};
use crate::error::{Exit, exit_of, messages_of};
use crate::model::notify::{Kind, Telling};
use crate::sys::clock;
use crate::sys::paths::Roots;
use crate::sys::store::LogEntry;

/// Tells of the configuration instead of the unit, and fails with what is wrong with it.
///
/// # Errors
/// Always: the configuration is invalid.
pub fn configuration(global: &Global, args: &Args, invalid: Error) -> Result<Exit> {
    if args.unit_failed.is_none() || args.dry_run || exit_of(&invalid) != Exit::Config {
        return Err(invalid);
    }
    match Env::of_last_targets(global) {
        Ok(Some(env)) => {
            note(&env, &place(global, &invalid));
            if let Err(e) = drain(&env, args, None) {
                log::warn!("{e:#}");
            }
        }
        Ok(None) => log::warn!("nobody is told: no targets are known of an earlier configuration"),
        Err(e) => log::warn!("nobody is told: {e:#}"),
    }
    Err(invalid)
}

/// Where it is invalid. Not what is said of it: that quotes the file, and a message leaves the machine.
fn place(global: &Global, invalid: &Error) -> String {
    let path = Roots::from_env().and_then(|roots| config_path(&roots, global));
    path.map_or_else(|_| "there is none".to_owned(), |path| with_line(&path, &messages_of(invalid)))
}

fn with_line(path: &Path, messages: &[String]) -> String {
    let path = path.display().to_string();
    let line = messages.iter().find_map(|m| m.strip_prefix(&path)?.strip_prefix(':')?.split(':').next());
    match line.filter(|line| line.bytes().all(|b| b.is_ascii_digit())) {
        Some(line) => format!("{path}:{line}"),
        None => path,
    }
}

fn note(env: &Env, place: &str) {
    // All units fail for the same reason: once an hour, whichever it is.
    let hour = clock::now().strftime("%Y-%m-%dT%H").to_string();
    env.note(&LogEntry {
        command: "notify",
        what: "nothing runs: the configuration is invalid",
        why: &format!("{place}; `claude-failover config check` says what is wrong"),
        event: Some(Telling::new(Kind::UnitFailed, format!("configuration {hour}"))),
        ..LogEntry::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_is_told() {
        let of = |message: &str| with_line(Path::new("/a/c.yaml"), &[message.to_owned()]);
        assert_eq!(of("/a/c.yaml:12: accounts.0.token_file: not an absolute path: `sk-1`"), "/a/c.yaml:12");
        assert_eq!(of("could not read the configuration `/a/c.yaml`"), "/a/c.yaml");
        assert_eq!(of("/a/c.yaml:sk-1: x"), "/a/c.yaml");
    }
}
