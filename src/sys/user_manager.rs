//! The user's manager of systemd, asked by `systemctl --user`; every call under a deadline.

use std::path::Path;
use std::time::Duration;

use super::process::{self, ProcessError};
use crate::model::doctor::systemd::Unit;

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The pattern of our units.
const OURS: &str = "claude-failover-*";

/// Whether this machine was booted with systemd.
#[must_use]
pub fn is_booted() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Whether the manager stays when the last login of a user ends.
#[must_use]
pub fn lingers(user: &str) -> bool {
    Path::new("/var/lib/systemd/linger").join(user).exists()
}

fn ask(args: &[&str]) -> Result<String, String> {
    let all: Vec<&str> = ["--user"].iter().chain(args).copied().collect();
    match process::run(Path::new("systemctl"), &all, &[], LIMIT) {
        Ok(said) if said.status == 0 => Ok(said.stdout),
        Ok(said) => Err(said.stderr.lines().next().unwrap_or("systemctl said nothing").trim().to_owned()),
        Err(e @ (ProcessError::NotFound(_) | ProcessError::TimedOut(..) | ProcessError::Failed(..))) => {
            Err(e.to_string())
        }
    }
}

/// The variables of the manager's environment.
///
/// # Errors
/// Why it cannot be asked.
pub fn variables() -> Result<Vec<(String, String)>, String> {
    let said = ask(&["show-environment"])?;
    Ok(said.lines().filter_map(|l| l.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect())
}

/// Our units, as the manager has them.
///
/// # Errors
/// Why it cannot be asked.
pub fn units() -> Result<Vec<Unit>, String> {
    let shown = ask(&["show", "--property=Id,LoadState,ActiveState,Result,UnitFileState", OURS])?;
    let mut units = parse(&shown);
    // What is installed and was never started is no unit of the manager yet.
    let files = ask(&["list-unit-files", "--no-legend", "--plain", OURS]).unwrap_or_default();
    for line in files.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(file)) = (words.next(), words.next()) else { continue };
        // Templates have no state of their own.
        if !name.contains('@') && !units.iter().any(|u| u.name == name) {
            let (load, active, result) = ("loaded".to_owned(), "inactive".to_owned(), String::new());
            units.push(Unit { name: name.to_owned(), load, active, result, file: file.to_owned() });
        }
    }
    Ok(units)
}

/// Blocks of `KEY=value`, one a unit, with an empty line between them.
fn parse(shown: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    for block in shown.split("\n\n") {
        let value = |key: &str| {
            let mut lines = block.lines().filter_map(|l| l.split_once('='));
            lines.find(|(k, _)| *k == key).map(|(_, v)| v.to_owned()).unwrap_or_default()
        };
        let name = value("Id");
        if !name.is_empty() {
            units.push(Unit {
                name,
                load: value("LoadState"),
                active: value("ActiveState"),
                result: value("Result"),
                file: value("UnitFileState"),
            });
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows_is_read() {
        let shown = "Id=claude-failover-watch.timer\nLoadState=loaded\nActiveState=active\nResult=success\n\
                     UnitFileState=enabled\n\nLoadState=loaded\nId=claude-failover-watch.service\n\
                     ActiveState=failed\nResult=exit-code\nUnitFileState=static\n";
        let units = parse(shown);
        assert_eq!(units.len(), 2);
        assert_eq!((units[1].active.as_str(), units[1].result.as_str()), ("failed", "exit-code"));
        assert_eq!(units[0].file, "enabled");
        assert!(parse("").is_empty());
    }
}
