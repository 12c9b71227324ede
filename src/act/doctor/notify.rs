//! Gathers for [`crate::model::doctor::notify`]: the files of the outbox, one for each event that is not told
//! everywhere yet, and one for each target; and whether each secret can be read. No secret is kept.

use jiff::Timestamp;
use serde_json::Value;
use std::path::Path;

use super::{Around, timers};
use crate::config::SecretSource;
use crate::env::Env;
use crate::error::{hints_of, messages_of};
use crate::model::doctor::notify::{Facts, Target, findings};
use crate::model::finding::Finding;
use crate::model::timers::{Flavour, NOTIFY};
use crate::sys::systemd::Handed;
use crate::sys::{home, secret, state_file, user};

pub(super) fn look(around: &Around) -> Vec<Finding> {
    let outbox = around.store.root().join("outbox");
    let events = state_file::list(&outbox).unwrap_or_default();
    let written = |name: &String| outbox.join(format!("{name}.json")).metadata().ok()?.modified().ok();
    let oldest = events.iter().filter_map(written).min();
    let records: Vec<(String, Value)> = records(&outbox.join("targets"));
    findings(&Facts {
        now: around.now,
        targets: around.env.as_ref().ok().map(|env| env.config.notify.targets.len()),
        waiting: events.len(),
        oldest: oldest.and_then(|at| Timestamp::try_from(at).ok()),
        parked: records.iter().map(|(_, r)| r["parked"].as_object().map_or(0, serde_json::Map::len)).sum(),
        seen: around.env.as_ref().map(|env| targets(env, &records)).unwrap_or_default(),
    })
}

fn targets(env: &Env, records: &[(String, Value)]) -> Vec<Target> {
    let runs = Runs::of(env);
    let of = |target: &crate::config::Target| {
        let record = records.iter().find(|(name, _)| *name == target.name).map(|(_, record)| record);
        let trouble = record.and_then(|record| {
            let text = |key: &str| record["trouble"][key].as_str().map(str::to_owned);
            // What only has to be waited for is no fault of the target.
            record["trouble"]["fault"].as_bool().filter(|fault| *fault)?;
            Some((text("why").unwrap_or_default(), text("hint")))
        });
        let no_secret = target.secret.as_ref().and_then(|source| missing(source, &runs, trouble.is_some()));
        Target { name: target.name.clone(), no_secret, trouble }
    };
    env.config.notify.targets.iter().map(of).collect()
}

/// What is known of the runs of `notify` that are not started from here.
struct Runs {
    /// What their unit hands to them, if there is one.
    unit: Option<Handed>,
    /// Whether one has run since the configuration was written: it has tried every secret, and noted what failed.
    tried: bool,
}

impl Runs {
    fn of(env: &Env) -> Self {
        let system = Flavour::System { user: user::name() };
        let managers = [timers::manager(&Flavour::User).ok(), timers::manager_of_installed(&system)];
        let unit = managers.into_iter().flatten().find_map(|manager| {
            let mut unit = manager.handed(NOTIFY).ok().flatten()?;
            unit.variables.extend(manager.variables().unwrap_or_default().into_keys());
            Some(unit)
        });
        let written = env.config_path.metadata().and_then(|meta| meta.modified()).ok();
        let written = written.and_then(|at| Timestamp::try_from(at).ok());
        let tried = env.store.last_run("notify").zip(written).is_some_and(|(run, written)| run > written);
        Self { unit, tried }
    }
}

/// Why the runs of `notify` have no secret, and what to do about it. A file is the same for everybody; a credential
/// and a variable are what their unit hands to them, and need not be there for whoever looks now.
fn missing(source: &SecretSource, runs: &Runs, failed: bool) -> Option<(String, Option<String>)> {
    let error = secret::read(source).err()?;
    let said = (messages_of(&error).join(": "), hints_of(&error).first().map(|hint| (*hint).to_owned()));
    let edit = |line: String| Some(format!("systemctl --user edit {NOTIFY}, with `{line}` under `[Service]`"));
    match (source, &runs.unit) {
        (SecretSource::File(_), _) => Some(said),
        (SecretSource::Credential(name), Some(unit)) => match unit.credentials.get(name) {
            None => {
                let why = format!("its unit hands over no credential `{name}`");
                Some((why, edit(format!("LoadCredential={name}:PATH"))))
            }
            Some(Some(file)) if matches!(file.try_exists(), Ok(false)) => {
                let why = format!("the file of its credential `{name}` is missing: `{}`", file.display());
                Some((why, Some("put it there: no run of `notify` starts before".to_owned())))
            }
            Some(_) => None,
        },
        (SecretSource::Env(name), Some(unit)) if unit.has_file || unit.variables.contains(name) => None,
        // What cannot be seen from here was tried by a run.
        _ if runs.tried && !failed => None,
        (SecretSource::Env(name), Some(_)) => Some((
            format!("variable `{name}` is set neither here nor in its unit"),
            edit("EnvironmentFile=PATH".to_owned()),
        )),
        (_, None) => Some(said),
    }
}

fn records(dir: &Path) -> Vec<(String, Value)> {
    let names = state_file::list(dir).unwrap_or_default();
    names
        .into_iter()
        .filter_map(|name| {
            let record = home::object(&dir.join(format!("{name}.json"))).ok()?;
            Some((name, Value::Object(record)))
        })
        .collect()
}
