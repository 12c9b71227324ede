//! `timers list`: what is installed, when it ran, how that went, when it runs next.

use anstyle::Style;
use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use crate::act::timers::{Units, told};
use crate::env::{Env, local};
use crate::error::Exit;
use crate::model::timers::plan::{Before, Loaded};
use crate::model::timers::{Flavour, Unit, is_ours};
use crate::output::{BAD, FAINT, GOOD, WARN, table};
use crate::sys::systemd::{self, Times};
use crate::sys::user;

/// One unit that starts by itself, with the service that it starts.
#[derive(Debug, Serialize)]
struct Row {
    unit: String,
    /// `current`, `outdated` (run `install` again), `missing`, `elsewhere` (a package's), or `foreign`: not made by us.
    file: &'static str,
    /// `waiting`, `running`, `failed`, `off`: of the unit itself.
    state: String,
    enabled: bool,
    next: Option<Timestamp>,
    /// When its service last began, since the manager started.
    last: Option<Timestamp>,
    /// How that ended: systemd's word; absent if it has not run.
    result: Option<String>,
    exit_status: Option<i32>,
}

pub(super) fn list(env: &Env, units: &Units) -> Result<Exit> {
    let systemctl = units.systemctl()?;
    let Before { files, loaded } = units.before(&systemctl)?;
    let times = systemctl.timers().map_err(told)?;
    let of = |name: &str| loaded.get(name).cloned().unwrap_or_default();
    let file = |unit: &Unit| match files.get(unit.name) {
        None if of(unit.name).load == "loaded" => "elsewhere",
        None => "missing",
        Some(text) if !is_ours(text) => "foreign",
        Some(text) if *text != unit.text => "outdated",
        Some(_) => "current",
    };
    let row = |unit: &Unit| {
        let it = of(unit.name);
        let service = match unit.name.rsplit_once('.') {
            Some((stem, "timer" | "path")) => of(&format!("{stem}.service")),
            // Each connection has an instance of its own, and none stays.
            Some((_, "socket")) => Loaded::default(),
            _ => it.clone(),
        };
        let service_unit = unit.name.rsplit_once('.').map(|(stem, kind)| match kind {
            "socket" => format!("{stem}@.service"),
            _ => format!("{stem}.service"),
        });
        // The service's file counts with it.
        let partner = units.units.iter().find(|u| Some(u.name) == service_unit.as_deref());
        let worst = [Some(unit), partner].into_iter().flatten().map(file).find(|f| *f != "current");
        let time = times.get(unit.name).cloned().unwrap_or_default();
        row(unit.name, worst.unwrap_or("current"), &it, &service, &time)
    };
    let rows: Vec<Row> = units.units.iter().filter(|unit| unit.is_enabled()).map(row).collect();
    let user = (units.place.flavour == Flavour::User).then(user::name);
    let lingers = user.as_deref().map(systemd::lingers);
    if env.out.json {
        env.out.object(&serde_json::json!({
            "version": 1, "flavour": units.place.flavour.as_str(), "directory": units.dir,
            "lingering": lingers, "units": rows,
        }));
        return Ok(Exit::Done);
    }
    env.out.text(&shown(&rows, env));
    let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    if count(&|row| row.file == "missing") == rows.len() {
        env.out.note("nothing is installed: `claude-failover timers install`");
    } else if count(&|row| !["current", "elsewhere"].contains(&row.file) || !row.enabled || row.state == "off") > 0
    {
        env.out.note("not as it should be: `claude-failover timers install`");
    }
    if let (Some(false), Some(user)) = (lingers, user) {
        env.out.note(&format!(
            "lingering is off: everything ends with the last logout; `loginctl enable-linger {user}`"
        ));
    }
    Ok(Exit::Done)
}

fn row(name: &str, file: &'static str, it: &Loaded, service: &Loaded, times: &Times) -> Row {
    let at = |us: i64| Timestamp::from_microsecond(us).ok();
    let state = match (it.active.as_str(), service.active.as_str()) {
        ("failed", _) => "failed",
        (_, "activating" | "deactivating") => "running",
        ("active", _) if name.ends_with(".service") => "running",
        ("active", _) => "waiting",
        _ => "off",
    };
    Row {
        unit: name.to_owned(),
        file,
        state: state.to_owned(),
        enabled: it.file == "enabled",
        next: times.next.and_then(at),
        last: service.began.or(times.last).and_then(at),
        result: service.began.map(|_| service.result.clone()),
        exit_status: service.status,
    }
}

fn shown(rows: &[Row], env: &Env) -> String {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| local(at, &env.zone));
    let result = |row: &Row| match (row.result.as_deref(), row.exit_status) {
        (None, _) => "-".to_owned(),
        (Some("success"), None | Some(0)) => "ok".to_owned(),
        (Some("success"), Some(code)) => format!("ok ({code})"),
        (Some("exit-code"), Some(code)) => format!("exit {code}"),
        (Some(word), _) => word.to_owned(),
    };
    let mut cells: Vec<Vec<String>> =
        vec![["UNIT", "FILE", "STATE", "NEXT", "LAST", "RESULT"].map(str::to_owned).to_vec()];
    for row in rows {
        let state = if row.enabled || row.file == "missing" {
            row.state.clone()
        } else {
            format!("{} (disabled)", row.state)
        };
        cells.push(vec![
            row.unit.clone(),
            row.file.to_owned(),
            state,
            time(row.next),
            time(row.last),
            result(row),
        ]);
    }
    let style = |r: usize, c: usize| -> Style {
        match (r.checked_sub(1).and_then(|r| rows.get(r)), c) {
            (None, _) => FAINT,
            (Some(row), 1) if !["current", "elsewhere"].contains(&row.file) => WARN,
            (Some(row), 2) if row.state == "failed" => BAD,
            (Some(row), 2) if row.state == "off" => WARN,
            (Some(row), 5) if row.result.as_deref().is_some_and(|r| r != "success") => BAD,
            (Some(row), 5) if row.result.is_some() => GOOD,
            _ => Style::new(),
        }
    };
    table(&cells, &style)
}
