//! What runs the commands: the user's manager, its units, or cron.

use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;

use super::runs::overdue;
use crate::model::finding::Finding;

/// One unit of ours, as the manager shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// `loaded`, `not-found`, `bad-setting`, …
    pub load: String,
    /// `active`, `inactive`, `failed`, …
    pub active: String,
    /// `success`, `exit-code`, `timeout`, `start-limit-hit`, …
    pub result: String,
    /// `enabled`, `disabled`, `static`, …
    pub file: String,
}

/// The manager that runs the units.
#[derive(Clone, Debug)]
pub enum Manager {
    /// This machine was not booted with systemd.
    None,
    /// It cannot be asked.
    Silent(String),
    /// It answered.
    Answers {
        /// Programs that are called by name and not in its `PATH`, with that `PATH`.
        not_in_path: Vec<PathBuf>,
        /// Its `PATH`.
        path: String,
        /// Our units.
        units: Vec<Unit>,
    },
}

/// One of the commands that something has to run again and again.
#[derive(Clone, Debug)]
pub struct Run {
    /// The command.
    pub command: &'static str,
    /// How often it should run.
    pub interval: SignedDuration,
    /// When it ran last.
    pub last: Option<Timestamp>,
    /// Whether there is work for it now.
    pub wanted: bool,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Now.
    pub now: Timestamp,
    /// The manager.
    pub manager: Manager,
    /// Who we are, for the remedy.
    pub user: String,
    /// Whether the manager stays when the last login ends; `None` if that cannot be told.
    pub lingers: Option<bool>,
    /// The commands that have to run again and again.
    pub runs: Vec<Run>,
}

/// What is wrong.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut has_timers = false;
    match &facts.manager {
        Manager::None => {}
        Manager::Silent(why) => {
            let message = format!("the user's manager cannot be asked: {why}");
            let remedy = "log in as that user (not by `su`), or set XDG_RUNTIME_DIR; lingering keeps it running";
            found.push(Finding::warning("systemd", "manager-silent", message, remedy));
        }
        Manager::Answers { not_in_path, path, units } => {
            for program in not_in_path {
                let message = format!("`{}` is not in the PATH of the user's manager", program.display());
                let remedy = "name it by its absolute path in the configuration";
                found.push(
                    Finding::warning("systemd", "manager-path", message, remedy).seen([format!("PATH={path}")]),
                );
            }
            has_timers = units.iter().any(|u| u.name.ends_with(".timer") && u.load == "loaded");
            units.iter().for_each(|unit| found.extend(of_unit(unit)));
            if has_timers {
                for run in &facts.runs {
                    let name = format!("claude-failover-{}.timer", run.command);
                    if !units.iter().any(|u| u.name == name && u.load == "loaded") {
                        let message = format!("`{name}` is not installed, others are");
                        found.push(Finding::warning(
                            "timers",
                            "timer-missing",
                            message,
                            "claude-failover timers install",
                        ));
                    }
                }
            }
        }
    }
    if facts.lingers == Some(false) && !matches!(facts.manager, Manager::None) {
        let message = "lingering is off: all sessions and timers end with the last logout";
        let remedy = format!("loginctl enable-linger {}", facts.user);
        found.push(Finding::warning("systemd", "not-lingering", message, remedy));
    }
    runs(facts, has_timers, &mut found);
    found
}

fn of_unit(unit: &Unit) -> Option<Finding> {
    let name = &unit.name;
    let seen = format!("load {}, active {}, result {}", unit.load, unit.active, unit.result);
    let log = format!("journalctl --user -u {name}; then systemctl --user reset-failed {name}");
    // What was referred to and is not installed is no unit of ours yet.
    if unit.load == "not-found" {
        return None;
    }
    if unit.load != "loaded" {
        let message = format!("`{name}` cannot be loaded ({})", unit.load);
        let remedy = "claude-failover timers install";
        return Some(Finding::fault("timers", "unit-bad", message, remedy).seen([seen]));
    }
    if unit.active == "failed" {
        let message = format!("`{name}` has failed ({})", unit.result);
        return Some(Finding::fault("timers", "unit-failed", message, log).seen([seen]));
    }
    let should_wait = [".timer", ".path", ".socket"].iter().any(|end| name.ends_with(end));
    if should_wait && unit.active != "active" {
        let message = format!("`{name}` is installed and does not wait ({})", unit.active);
        let remedy = format!("systemctl --user enable --now {name}");
        return Some(Finding::fault("timers", "timer-off", message, remedy).seen([seen]));
    }
    None
}

fn runs(facts: &Facts, has_timers: bool, found: &mut Vec<Finding>) {
    for run in &facts.runs {
        let command = run.command;
        if let Some(age) = overdue(facts.now, run.last, run.interval).filter(|_| run.wanted) {
            let message = format!("`{command}` has not run for {age}, and there is work for it");
            let remedy = format!("look at its timer, or run `claude-failover {command}`");
            found.push(Finding::fault("timers", "not-run", message, remedy));
        }
    }
    if !has_timers && facts.runs.iter().all(|run| run.last.is_none()) {
        let message = "nothing runs by itself yet: no timer is installed, and no command has run";
        let remedy = match facts.manager {
            Manager::None => "claude-failover timers print --cron prints the lines for crontab",
            _ => "claude-failover timers install",
        };
        found.push(Finding::warning("timers", "timers-missing", message, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{self, Fault, Warning};

    fn unit(name: &str, active: &str) -> Unit {
        Unit {
            name: name.into(),
            load: "loaded".into(),
            active: active.into(),
            result: "success".into(),
            file: "enabled".into(),
        }
    }

    fn good() -> Facts {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let interval = SignedDuration::from_mins(1);
        let run = |command| Run { command, interval, last: Some(now - interval), wanted: true };
        Facts {
            now,
            manager: Manager::Answers {
                not_in_path: Vec::new(),
                path: "/usr/bin".into(),
                units: vec![
                    unit("claude-failover-dispatch.timer", "active"),
                    unit("claude-failover-watch.timer", "active"),
                    unit("claude-failover-dispatch.service", "inactive"),
                ],
            },
            user: "me".into(),
            lingers: Some(true),
            runs: vec![run("dispatch"), run("watch")],
        }
    }

    fn units(facts: &mut Facts) -> &mut Vec<Unit> {
        match &mut facts.manager {
            Manager::Answers { units, .. } => units,
            _ => panic!(),
        }
    }

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity)> {
        let mut facts = good();
        change(&mut facts);
        findings(&facts).into_iter().map(|f| (f.code, f.severity)).collect()
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(found(|_| {}), []);
        type Case = (fn(&mut Facts), &'static [(&'static str, Severity)]);
        let cases: [Case; 9] = [
            (|f| f.lingers = Some(false), &[("not-lingering", Warning)]),
            (|f| f.manager = Manager::Silent("x".into()), &[("manager-silent", Warning)]),
            (|f| units(f)[0].active = "failed".into(), &[("unit-failed", Fault)]),
            (|f| units(f)[2].active = "failed".into(), &[("unit-failed", Fault)]),
            (|f| units(f)[1].active = "inactive".into(), &[("timer-off", Fault)]),
            (|f| units(f)[1].load = "bad-setting".into(), &[("unit-bad", Fault), ("timer-missing", Warning)]),
            (|f| drop(units(f).remove(1)), &[("timer-missing", Warning)]),
            (|f| f.runs[0].last = Some(f.now - SignedDuration::from_hours(2)), &[("not-run", Fault)]),
            (|f| units(f).clear(), &[]),
        ];
        for (change, want) in cases {
            assert_eq!(found(change), want);
        }
    }

    #[test]
    fn cron_is_as_good_and_nothing_at_all_is_told() {
        let cron = |f: &mut Facts| (f.manager, f.lingers) = (Manager::None, Some(false));
        assert_eq!(found(cron), []);
        let nothing = |f: &mut Facts| {
            cron(f);
            f.runs.iter_mut().for_each(|run| run.last = None);
        };
        assert_eq!(found(nothing), [("timers-missing", Warning)]);
        // Where there is nothing to do, nobody has to look.
        let idle = |f: &mut Facts| {
            f.runs.iter_mut().for_each(|run| {
                (run.last, run.wanted) = (Some(f.now - SignedDuration::from_hours(2)), false);
            });
        };
        assert_eq!(found(idle), []);
    }
}
