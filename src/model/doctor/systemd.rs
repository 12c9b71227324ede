//! What runs the commands: the user's manager, its units, or cron.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::runs::overdue;
use crate::model::finding::Finding;
use crate::model::timers::plan::Loaded;

/// The manager that runs the units of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// There is no systemd here.
    None,
    /// It cannot be asked.
    Silent {
        /// Why.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It answered.
    Answers,
}

/// Our units of one manager.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Whether it is the machine's, not the user's own.
    pub system: bool,
    /// The units, as the manager has them.
    pub loaded: BTreeMap<String, Loaded>,
    /// What an install would do, in words; empty if it would do nothing, or that cannot be told.
    pub differs: Vec<String>,
    /// The `PATH` that they run with.
    pub path: String,
    /// Programs that are called by name and not found in that.
    pub not_in_path: Vec<PathBuf>,
}

impl Units {
    /// Whether a timer of ours is there.
    #[must_use]
    pub fn has_timers(&self) -> bool {
        self.loaded.iter().any(|(name, unit)| name.ends_with(".timer") && unit.load == "loaded")
    }
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
    /// The user's manager.
    pub manager: Manager,
    /// The units of the user's manager, and those of the machine's, where there are any.
    pub units: Vec<Units>,
    /// Who we are, for the remedy.
    pub user: String,
    /// Whether the user's manager stays when the last login ends.
    pub lingers: bool,
    /// The commands that have to run again and again.
    pub runs: Vec<Run>,
}

/// What is wrong.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let installed: Vec<&Units> = facts.units.iter().filter(|units| units.has_timers()).collect();
    // The machine's own manager needs no login, and does without the user's.
    let needs_login = !installed.iter().any(|units| units.system);
    if let Manager::Silent { why, hint } = &facts.manager
        && needs_login
    {
        let plain = "log in as that user (not by `su`), or set XDG_RUNTIME_DIR; lingering keeps it running";
        let remedy = hint.clone().unwrap_or_else(|| plain.to_owned());
        found.push(Finding::warning("systemd", "manager-silent", why, remedy));
    }
    facts.units.iter().for_each(|units| of_manager(units, &mut found));
    if installed.len() > 1 {
        let message = "units are installed twice, for the user and for the machine: each run is made twice";
        let remedy = "claude-failover timers remove, or as root: claude-failover timers remove --system";
        found.push(Finding::warning("timers", "timers-twice", message, remedy));
    }
    if facts.manager != Manager::None && !facts.lingers && needs_login {
        let message = "lingering is off: all sessions and timers end with the last logout";
        let remedy = format!("sudo loginctl enable-linger {}", facts.user);
        found.push(Finding::warning("systemd", "not-lingering", message, remedy));
    }
    runs(facts, installed.first().copied(), &mut found);
    found
}

fn of_manager(units: &Units, found: &mut Vec<Finding>) {
    for program in &units.not_in_path {
        let whose = if units.has_timers() { "the units" } else { "the user's manager" };
        let message = format!("`{}` is not in the PATH of {whose}", program.display());
        let remedy = "name it by its absolute path in the configuration, then claude-failover timers install";
        let seen = [format!("PATH={}", units.path)];
        found.push(Finding::warning("systemd", "manager-path", message, remedy).seen(seen));
    }
    found.extend(units.loaded.iter().filter_map(|(name, unit)| of_unit(name, unit, units.system)));
    if units.has_timers() && !units.differs.is_empty() {
        let message = "the units are not what the configuration comes to now";
        let (most, rest) = units.differs.split_at(units.differs.len().min(8));
        let more = (!rest.is_empty()).then(|| format!("and {} more", rest.len()));
        let finding = Finding::warning("timers", "timers-outdated", message, install(units.system));
        found.push(finding.seen(most.iter().cloned().chain(more)));
    }
}

/// What puts the units right.
fn install(system: bool) -> &'static str {
    match system {
        true => "as root: claude-failover timers install --system",
        false => "claude-failover timers install",
    }
}

fn of_unit(name: &str, unit: &Loaded, system: bool) -> Option<Finding> {
    let (sudo, user) = if system { ("sudo ", "") } else { ("", " --user") };
    let seen = match unit.status {
        Some(status) if status != 0 => {
            format!("load {}, active {}, result {}, exit status {status}", unit.load, unit.active, unit.result)
        }
        _ => format!("load {}, active {}, result {}", unit.load, unit.active, unit.result),
    };
    // What was referred to and is not installed is no unit of ours yet.
    if unit.load == "not-found" {
        return None;
    }
    if unit.load == "masked" {
        let remedy = format!("{sudo}systemctl{user} unmask {name}");
        return Some(
            Finding::warning("timers", "unit-masked", format!("`{name}` is masked"), remedy).seen([seen]),
        );
    }
    if unit.load != "loaded" {
        let message = format!("`{name}` cannot be loaded ({})", unit.load);
        return Some(Finding::fault("timers", "unit-bad", message, install(system)).seen([seen]));
    }
    let should_wait = [".timer", ".path", ".socket"].iter().any(|end| name.ends_with(end));
    if unit.active == "failed" {
        let message = format!("`{name}` has failed ({})", unit.result);
        // A service has its next run by its timer; what starts services is dead until somebody starts it again.
        let then = match should_wait {
            true => format!("{sudo}systemctl{user} reset-failed {name} && {sudo}systemctl{user} start {name}"),
            false => format!("{sudo}systemctl{user} reset-failed {name}"),
        };
        // By its name in the journal: lines of a process that has ended are not always known by their unit.
        let remedy = match name.strip_suffix(".service").filter(|stem| !stem.contains('@')) {
            Some(stem) => format!("journalctl{user} -t {stem} says why; then {then}"),
            None => format!("journalctl{user} -u {name} says why; then {then}"),
        };
        return Some(Finding::fault("timers", "unit-failed", message, remedy).seen([seen]));
    }
    if should_wait && unit.active != "active" {
        let message = format!("`{name}` is installed and does not wait ({})", unit.active);
        let remedy = format!("{sudo}systemctl{user} enable --now {name}");
        return Some(Finding::fault("timers", "timer-off", message, remedy).seen([seen]));
    }
    if should_wait && unit.file == "disabled" {
        let message = format!("`{name}` runs, and is not started with the machine (disabled)");
        let remedy = format!("{sudo}systemctl{user} enable {name}");
        return Some(Finding::warning("timers", "timer-disabled", message, remedy).seen([seen]));
    }
    None
}

fn runs(facts: &Facts, units: Option<&Units>, found: &mut Vec<Finding>) {
    let set_up = match facts.manager {
        Manager::None => "claude-failover timers print --cron prints the lines for crontab",
        _ => "claude-failover timers install",
    };
    // Without a configuration there is nothing that could run.
    // Cron has brought all of these within minutes; what a person starts is some of them.
    let often: Vec<&Run> = facts.runs.iter().filter(|run| run.interval < SignedDuration::from_hours(1)).collect();
    let never: Vec<String> =
        often.iter().filter(|run| run.last.is_none()).map(|run| format!("`{}`", run.command)).collect();
    for run in &facts.runs {
        let command = run.command;
        if let Some(age) = overdue(facts.now, run.last, run.interval).filter(|_| run.wanted) {
            let message = format!("`{command}` has not run for {age}, and there is work for it");
            let look = match (units, &facts.manager) {
                (Some(Units { system: true, .. }), _) => {
                    format!("systemctl status claude-failover-{command}.timer")
                }
                (Some(_), _) => format!("systemctl --user status claude-failover-{command}.timer"),
                (None, Manager::None) => "look at its line in `crontab -l`, and whether cron runs".to_owned(),
                (None, _) => format!("{set_up}, or look at its line in `crontab -l`"),
            };
            let remedy = format!("{look}; claude-failover {command} runs it once");
            found.push(Finding::fault("timers", "not-run", message, remedy));
        }
    }
    if units.is_none() && !never.is_empty() {
        let message = match never.len() == often.len() {
            true => "nothing runs by itself yet: no timer is installed, and no command has run".to_owned(),
            false => {
                format!(
                    "not everything runs by itself: no timer is installed, and no run is known of {}",
                    never.join(", ")
                )
            }
        };
        found.push(Finding::warning("timers", "timers-missing", message, set_up));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity::{self, Fault, Warning};

    fn unit(name: &str, active: &str) -> (String, Loaded) {
        let loaded = Loaded {
            load: "loaded".into(),
            active: active.into(),
            result: "success".into(),
            file: "enabled".into(),
            ..Loaded::default()
        };
        (name.to_owned(), loaded)
    }

    fn good() -> Facts {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let interval = SignedDuration::from_mins(1);
        let run = |command| Run { command, interval, last: Some(now - interval), wanted: true };
        let loaded = [
            unit(DISPATCH, "active"),
            unit(WATCH, "active"),
            unit("claude-failover-dispatch.service", "inactive"),
        ];
        Facts {
            now,
            manager: Manager::Answers,
            units: vec![Units { loaded: loaded.into(), ..Units::default() }],
            user: "me".into(),
            lingers: true,
            runs: vec![run("dispatch"), run("watch")],
        }
    }

    const DISPATCH: &str = "claude-failover-dispatch.timer";
    const WATCH: &str = "claude-failover-watch.timer";

    fn of<'a>(facts: &'a mut Facts, name: &str) -> &'a mut Loaded {
        facts.units[0].loaded.get_mut(name).unwrap()
    }

    fn all(change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
        let mut facts = good();
        change(&mut facts);
        findings(&facts)
    }

    fn found(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, Severity)> {
        all(change).into_iter().map(|f| (f.code, f.severity)).collect()
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(found(|_| {}), []);
        type Case = (fn(&mut Facts), &'static [(&'static str, Severity)]);
        let cases: [Case; 12] = [
            (|f| f.lingers = false, &[("not-lingering", Warning)]),
            (|f| f.manager = Manager::Silent { why: "x".into(), hint: None }, &[("manager-silent", Warning)]),
            (|f| of(f, DISPATCH).active = "failed".into(), &[("unit-failed", Fault)]),
            (|f| of(f, "claude-failover-dispatch.service").active = "failed".into(), &[("unit-failed", Fault)]),
            (|f| of(f, WATCH).active = "inactive".into(), &[("timer-off", Fault)]),
            (|f| of(f, WATCH).file = "disabled".into(), &[("timer-disabled", Warning)]),
            (|f| of(f, WATCH).load = "bad-setting".into(), &[("unit-bad", Fault)]),
            (|f| of(f, WATCH).load = "masked".into(), &[("unit-masked", Warning)]),
            (|f| f.units[0].differs = vec!["write x".into()], &[("timers-outdated", Warning)]),
            (|f| f.units[0].not_in_path = vec!["tmux".into()], &[("manager-path", Warning)]),
            (|f| f.runs[0].last = Some(f.now - SignedDuration::from_hours(2)), &[("not-run", Fault)]),
            (|f| f.units[0].loaded.clear(), &[]),
        ];
        for (change, want) in cases {
            assert_eq!(found(change), want);
        }
    }

    #[test]
    fn units_of_the_machine_need_no_login_and_are_one_too_many_beside_the_users() {
        let machine = |f: &mut Facts| {
            (f.units[0].system, f.lingers) = (true, false);
            f.manager = Manager::Silent { why: "x".into(), hint: None };
        };
        assert_eq!(found(machine), []);
        let failed = all(|f| {
            machine(f);
            of(f, WATCH).active = "failed".into();
        });
        assert!(failed[0].remedy.contains("sudo systemctl start claude-failover-watch.timer"), "{failed:?}");
        let twice = |f: &mut Facts| f.units.push(Units { system: true, ..f.units[0].clone() });
        assert_eq!(found(twice), [("timers-twice", Warning)]);
    }

    #[test]
    fn cron_is_as_good_and_nothing_at_all_is_told() {
        let cron = |f: &mut Facts| {
            f.units.clear();
            (f.manager, f.lingers) = (Manager::None, false);
        };
        assert_eq!(found(cron), []);
        let nothing = |f: &mut Facts| {
            cron(f);
            f.runs.iter_mut().for_each(|run| run.last = None);
        };
        assert_eq!(found(nothing), [("timers-missing", Warning)]);
        // What a person has run is not what runs by itself.
        let by_hand = |f: &mut Facts| {
            cron(f);
            f.runs[0].last = Some(f.now - SignedDuration::from_hours(2));
            f.runs[1].last = None;
        };
        assert_eq!(found(by_hand), [("not-run", Fault), ("timers-missing", Warning)]);
        // Where there is nothing to do, nobody has to look.
        let idle = |f: &mut Facts| {
            f.runs.iter_mut().for_each(|run| {
                (run.last, run.wanted) = (Some(f.now - SignedDuration::from_hours(2)), false);
            });
        };
        assert_eq!(found(idle), []);
    }
}
