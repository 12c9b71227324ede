//! `notify retry` and `notify drop`.

use anyhow::{Result, anyhow};

use super::target;
use crate::config::Target;
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::report::{Item, Report};

#[derive(Debug, clap::Args)]
pub struct Which {
    /// The event, as `notify list` names it
    #[arg(required_unless_present = "all")]
    id: Option<String>,
    /// Every event that is parked
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Only for this target
    #[arg(long)]
    target: Option<String>,
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Which {
    fn targets<'e>(&self, env: &'e Env) -> Result<Vec<&'e Target>> {
        match &self.target {
            Some(name) => Ok(vec![target(env, name)?]),
            None => Ok(env.config.notify.targets.iter().collect()),
        }
    }

    fn means(&self, id: &str) -> bool {
        self.all || self.id.as_deref() == Some(id)
    }

    fn unknown(&self) -> anyhow::Error {
        let id = crate::model::name::shown(self.id.as_deref().unwrap_or_default());
        crate::error::hinted(
            anyhow!("no such event is there for it: `{id}`"),
            "`claude-failover notify list` names them",
        )
    }
}

/// Lets a target try again what it did not take.
///
/// # Errors
/// If no target has parked it, or a step fails.
pub fn retry(env: &Env, which: &Which) -> Result<Exit> {
    let mut report = Report { command: "notify retry".into(), dry_run: which.dry_run, ..Report::default() };
    let _held = env.store.wait_run_lock("notify")?;
    for target in which.targets(env)? {
        let record = env.store.target(&target.name)?;
        let ids: Vec<&String> = record.parked.keys().filter(|id| which.means(id)).collect();
        if ids.is_empty() && !(which.all && record.trouble.is_some()) {
            continue;
        }
        let verb = if which.dry_run { "would try again" } else { "tries again" };
        report.actions.push(Item::new(&target.name, verb, format!("{} parked events", ids.len())));
        if which.dry_run {
            continue;
        }
        env.store.lock()?.update_target(&target.name, |r| r.retry(env.now, |id| which.means(id)))?;
    }
    if report.actions.is_empty() && !which.all {
        return Err(which.unknown()).exit(Exit::Failed);
    }
    if !which.dry_run {
        env.store.kick("notify");
    }
    env.out.report(&report);
    Ok(Exit::Done)
}

/// Gives an event up, parked or waiting: it counts as told.
///
/// # Errors
/// If it neither waits nor is parked, or a step fails.
pub fn drop_event(env: &Env, which: &Which) -> Result<Exit> {
    let mut report = Report { command: "notify drop".into(), dry_run: which.dry_run, ..Report::default() };
    let _held = env.store.wait_run_lock("notify")?;
    let events = env.store.outbox(&env.config.notify.targets)?.events;
    for target in which.targets(env)? {
        let record = env.store.target(&target.name)?;
        let waits = record.waiting(&target.policy, &events).into_iter().map(|e| &e.id).filter(|_| !which.all);
        let ids: Vec<String> = record.parked.keys().chain(waits).filter(|id| which.means(id)).cloned().collect();
        for id in ids {
            let verb = if which.dry_run { "would drop" } else { "dropped" };
            report.actions.push(Item::new(&target.name, verb, &id));
            if which.dry_run {
                continue;
            }
            env.store.lock()?.update_target(&target.name, |r| {
                r.parked.remove(&id);
                r.delivered.insert(id.clone(), env.now);
                if let Some(message) = &mut r.message {
                    message.events.retain(|told| *told != id);
                }
                r.message = r.message.take().filter(|m| !m.events.is_empty());
            })?;
        }
    }
    if report.actions.is_empty() && !which.all {
        return Err(which.unknown()).exit(Exit::Failed);
    }
    if !which.dry_run {
        crate::act::notify::sweep(env, &events)?;
    }
    env.out.report(&report);
    Ok(Exit::Done)
}
