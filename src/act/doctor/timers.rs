//! Gathers for [`crate::model::doctor::systemd`].

use jiff::SignedDuration;
use std::time::Duration;

use super::Around;
use crate::act::timers as act;
use crate::env::Env;
use crate::model::doctor::systemd::{Facts, Manager, Run, Units, findings};
use crate::model::finding::Finding;
use crate::model::timers::plan::{self, Step};
use crate::model::timers::{self, Flavour, WATCH};
use crate::sys::systemd::{self, Systemctl, SystemdError};
use crate::sys::{paths, queue, user};

/// How long one answer of a manager may take.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) fn look(around: &Around) -> Vec<Finding> {
    let user = user::name();
    let (manager, own) = match manager(&Flavour::User) {
        Ok(systemctl) => (Manager::Answers, of(around, Flavour::User, &systemctl)),
        Err(SystemdError::Missing | SystemdError::NotBooted) => (Manager::None, None),
        Err(e) => (Manager::Silent { why: e.to_string(), hint: e.hint() }, None),
    };
    let system = Flavour::System { user: user.clone() };
    let machine = manager_of_installed(&system).and_then(|systemctl| of(around, system, &systemctl));
    findings(&Facts {
        now: around.now,
        manager,
        units: own.into_iter().chain(machine).collect(),
        lingers: systemd::lingers(&user),
        user,
        runs: around.env.as_ref().map(runs).unwrap_or_default(),
    })
}

/// A manager, asked with less patience than an install has.
pub(super) fn manager(flavour: &Flavour) -> Result<Systemctl, SystemdError> {
    let systemctl = Systemctl::find(flavour)?.within(LIMIT);
    systemctl.check()?;
    Ok(systemctl)
}

/// The machine's manager, where units of ours lie for it.
pub(super) fn manager_of_installed(flavour: &Flavour) -> Option<Systemctl> {
    let files = act::dir(flavour).ok().and_then(|dir| systemd::unit_files(&dir).ok())?;
    if files.is_empty() { None } else { manager(flavour).ok() }
}

fn of(around: &Around, flavour: Flavour, systemctl: &Systemctl) -> Option<Units> {
    let system = flavour != Flavour::User;
    let names: Vec<&str> = timers::names().collect();
    let loaded = systemctl.show(&names).ok()?;
    // The units name a PATH of their own; what else is started has the manager's.
    let handed = systemctl.handed(WATCH).ok().flatten().and_then(|handed| handed.path);
    let path = handed.or_else(|| systemctl.variables().ok()?.remove("PATH")).unwrap_or_default();
    let env = around.env.as_ref().ok();
    let tmux = env.map(|env| env.config.tmux.program.clone());
    let units = env.and_then(|env| act::Units::of(env, flavour).ok());
    let differs = units.and_then(|units| {
        let before = plan::Before { files: systemd::unit_files(&units.dir).ok()?, loaded: loaded.clone() };
        // Units of a package are none of ours to compare, nor are those that run as somebody else.
        let runs_as = match &units.place.flavour {
            Flavour::User => String::new(),
            Flavour::System { user } => format!("\nUser={user}\n"),
        };
        let is_ours = before.files.values().any(|text| timers::is_ours(text) && text.contains(&runs_as));
        is_ours.then(|| plan::install(&units.units, &before).iter().filter_map(differs).collect())
    });
    Some(Units {
        system,
        loaded,
        differs: differs.unwrap_or_default(),
        not_in_path: tmux.into_iter().filter(|p| paths::find_program(p, &path).is_none()).collect(),
        path,
    })
}

/// What an install would do, where that is more than to start what is there.
fn differs(step: &Step) -> Option<String> {
    match step {
        Step::Foreign(name) => Some(format!("`{name}` was not made by us")),
        Step::Write { name, is_change: true, .. } => Some(format!("`{name}` differs")),
        Step::Write { name, .. } => Some(format!("`{name}` is missing")),
        Step::Remove(name) => Some(format!("`{name}` is not needed any more")),
        Step::Reload => Some("systemd has to read its files again".to_owned()),
        _ => None,
    }
}

/// The janitor runs once an hour; that it has not for some days is worth a word.
const JANITOR: SignedDuration = SignedDuration::from_hours(24);

fn runs(env: &Env) -> Vec<Run> {
    let sessions = env.store.sessions().unwrap_or_default();
    let busy = sessions.records.iter().any(|r| r.client.is_some());
    let waiting = queue::projects(&env.config).iter().any(|p| queue::has_waiting(&p.path));
    let run = |command, interval, wanted| Run { command, interval, last: env.store.last_run(command), wanted };
    vec![
        run("dispatch", env.config.dispatch.interval, waiting),
        run("watch", env.config.watch.interval, busy),
        run("quota-check", env.config.quota.interval, busy),
        run("checkpoint", env.config.checkpoint.interval, busy),
        run("janitor", JANITOR, true),
    ]
}
