//! `timers install` and `timers remove`: the plan, and each of its steps.

use anyhow::{Context, Result};

use super::{Units, told};
use crate::error::{Exit, Mark};
use crate::model::report::{Item, Report};
use crate::model::timers::plan::{self, Step};
use crate::model::timers::{Flavour, MOST_INBOXES, TMUX};
use crate::sys::systemd::{self, Systemctl};
use crate::sys::{atomic, lock, user};

/// The subject of what is said of lingering.
pub const LINGERING: &str = "lingering";

/// Writes the units, enables and starts them; or says what would be done.
///
/// # Errors
/// If systemd is not there, or another run is at it.
pub fn install(units: &Units, dry_run: bool) -> Result<Report> {
    let systemctl = units.systemctl()?;
    let _held = if dry_run { None } else { Some(alone(units)?) };
    let steps = plan::install(&units.units, &units.before(&systemctl)?);
    let mut report = Report { command: "timers install".into(), dry_run, ..Report::default() };
    carry_out(units, &systemctl, &steps, &mut report);
    report.waiting.extend(remarks(units, &systemctl, &steps));
    let whose = match &units.place.flavour {
        Flavour::User => String::new(),
        Flavour::System { user } => format!(", run as `{user}`"),
    };
    report.summary = match (steps.len(), dry_run) {
        (0, _) => format!("nothing to do: {} units are installed as they should be", units.units.len()),
        (_, true) => {
            format!("would install {} units{whose} in `{}`", units.units.len(), units.dir.display())
        }
        _ => format!("{} units{whose} in `{}`", units.units.len(), units.dir.display()),
    };
    Ok(report)
}

/// Disables and removes what an install has written.
///
/// # Errors
/// If systemd is not there, or another run is at it.
pub fn remove(units: &Units, end_sessions: bool, dry_run: bool) -> Result<Report> {
    let systemctl = units.systemctl()?;
    let _held = if dry_run { None } else { Some(alone(units)?) };
    let before = units.before(&systemctl)?;
    let (foreign, steps): (Vec<Step>, Vec<Step>) =
        plan::remove(&before, end_sessions).into_iter().partition(|step| matches!(step, Step::Foreign(_)));
    let mut report = Report { command: "timers remove".into(), dry_run, ..Report::default() };
    carry_out(units, &systemctl, &steps, &mut report);
    for step in &foreign {
        // Not ours to remove, and so no failure of the removal.
        let (subject, verb, why) = named(step, dry_run);
        report.waiting.push(Item::new(subject, &verb, why));
    }
    let goes_on = before.loaded.get(TMUX).is_some_and(|tmux| tmux.active == "active");
    if goes_on && !end_sessions && !steps.is_empty() {
        let stop = format!("systemctl {}stop {TMUX}", if is_user(units) { "--user " } else { "" });
        let hint = Some(format!("to end it and every session: {stop}"));
        report.waiting.push(Item::new(TMUX, "goes on", "the sessions live in it").hint(hint));
    }
    report.summary = match (steps.len(), dry_run) {
        (0, _) => format!("nothing to do: no unit of ours is in `{}`", units.dir.display()),
        (_, true) => format!("would remove the units in `{}`", units.dir.display()),
        _ => format!("removed the units in `{}`", units.dir.display()),
    };
    Ok(report)
}

fn is_user(units: &Units) -> bool {
    units.place.flavour == Flavour::User
}

/// No second install or removal beside this one.
fn alone(units: &Units) -> Result<lock::Held> {
    let dir = &units.dir;
    atomic::ensure_dir_mode(dir, 0o755)?;
    // On the directory itself: it outlives us, and there is nothing to leave behind.
    lock::wait_dir(dir, std::time::Duration::from_secs(30))
        .exit(Exit::Busy)
        .with_context(|| format!("another `timers` is at work in `{}`", dir.display()))
}

fn carry_out(units: &Units, systemctl: &Systemctl, steps: &[Step], report: &mut Report) {
    for step in steps {
        let (subject, verb, why) = named(step, report.dry_run);
        let done = match step {
            Step::Foreign(_) => {
                let hint = "move it away, or keep it and leave ours out: `systemctl cat` shows it";
                report.actions.push(Item::failed(subject, &verb, why).hint(Some(hint.to_owned())));
                continue;
            }
            _ if report.dry_run => Ok(()),
            step => apply(units, systemctl, step),
        };
        match done {
            Ok(()) => report.actions.push(Item::new(subject, &verb, why)),
            Err(e) => {
                report.actions.push(Item::error(subject, "failed", &e));
                // What comes behind rests on it: a unit that was not read cannot be enabled.
                break;
            }
        }
    }
}

/// What a step is about, what it is called, and why it is taken.
fn named(step: &Step, dry_run: bool) -> (String, String, String) {
    let verb = |done: &str, would: &str| if dry_run { format!("would {would}") } else { done.to_owned() };
    let (subject, verb, why) = match step {
        Step::Foreign(name) => {
            (name.clone(), "left alone".to_owned(), "a file of this name is there, not made by us")
        }
        Step::Write { name, is_change: false, .. } => (name.clone(), verb("wrote", "write"), "new"),
        Step::Write { name, .. } => (name.clone(), verb("wrote", "write"), "differs from what it should be"),
        Step::DisableNow(units) => (units.join(" "), verb("disabled", "disable"), "and stopped"),
        Step::Disable(units) => (units.join(" "), verb("disabled", "disable"), "what runs goes on"),
        Step::Stop(unit) => (unit.clone(), verb("stopped", "stop"), "and every session with it"),
        Step::ForgetStamp(unit) => (unit.clone(), verb("cleaned", "clean"), "when it last ran"),
        Step::Remove(name) => (name.clone(), verb("removed", "remove"), "made by us"),
        Step::ResetFailed(units) => (units.join(" "), verb("reset", "reset"), "had failed"),
        Step::Reload => ("systemd".to_owned(), verb("reloaded", "reload"), "reads its files again"),
        Step::Close(unit) => (unit.clone(), verb("closed", "close"), "it listens elsewhere from now on"),
        Step::EnableNow(units) => (units.join(" "), verb("enabled", "enable"), "and started"),
    };
    (subject, verb, why.to_owned())
}

fn apply(units: &Units, systemctl: &Systemctl, step: &Step) -> Result<()> {
    let done = match step {
        Step::Foreign(_) => Ok(()),
        Step::Write { name, text, .. } => {
            let path = units.dir.join(name);
            // Under the lock: what a killed run has left.
            atomic::sweep_temp_of(&path);
            return atomic::write_mode(&path, text.as_bytes(), 0o644);
        }
        Step::Remove(name) => {
            let path = units.dir.join(name);
            atomic::sweep_temp_of(&path);
            return atomic::remove(&path);
        }
        Step::DisableNow(units) => systemctl.disable(units, true),
        Step::Disable(units) => systemctl.disable(units, false),
        Step::Stop(unit) => systemctl.stop(unit),
        Step::ForgetStamp(unit) => systemctl.forget_stamp(unit),
        Step::ResetFailed(units) => systemctl.reset_failed(units),
        Step::Reload => systemctl.reload(),
        Step::Close(unit) => systemctl.stop(unit),
        Step::EnableNow(units) => systemctl.enable_now(units),
    };
    done.map_err(told)
}

/// What a person should know of after an install.
fn remarks(units: &Units, systemctl: &Systemctl, steps: &[Step]) -> Vec<Item> {
    let mut items = Vec::new();
    if is_user(units) && !systemd::lingers(&user::name()) {
        let user = user::name();
        let why = format!(
            "the units of `{user}` and every session end with the last logout, and nothing starts with the machine"
        );
        items.push(Item::new(LINGERING, "is off", why).hint(Some(format!("loginctl enable-linger {user}"))));
    }
    let is_change = |step: &&Step| matches!(step, Step::Write { name, is_change: true, .. } if name == TMUX);
    if steps.iter().any(|step| is_change(&step)) {
        items.push(Item::new(TMUX, "not restarted", "what has changed holds from its next start on"));
    }
    let started = systemctl.show(&[TMUX]).ok().and_then(|all| all.get(TMUX).cloned()).unwrap_or_default();
    if started.load == "loaded" && started.active == "inactive" && !steps.is_empty() {
        let why = "a server runs already that somebody else has started: it is used, and replaced when it ends";
        items.push(Item::new(TMUX, "not started", why));
    }
    if units.unwatched() > 0 {
        let why =
            format!("only the first {MOST_INBOXES} are watched; `dispatch` looks at all of them by its timer");
        items.push(Item::new(format!("{} inboxes", units.place.inboxes.len()), "are many", why));
    }
    items
}
