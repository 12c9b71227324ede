//! `notify`: sends what waits in the outbox.

mod list;
mod settle;
mod without;

use anyhow::{Result, anyhow};

use crate::act::notify::{self as act, Drained};
use crate::config::Target;
use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::notify::answer::Outcome;
use crate::model::notify::plan::Next;
use crate::model::notify::text::{line, test_message};
use crate::model::notify::{Kind, Telling};
use crate::model::report::{Item, Report};
use crate::sys::lock::LockError;
use crate::sys::store::LogEntry;
use crate::sys::{clock, paths, send};

pub use without::configuration as without_configuration;

/// Send what waits in the outbox to the targets under `notifications`
///
/// A few messages a run, each within `notifications.timeout`. What does not arrive is sent again by later runs,
/// after growing pauses. Exit 3 if a target could not be reached, or its secret is missing. Where the configuration is
/// invalid, `--unit-failed` tells that to the targets of the last one that was valid.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// First note that a unit failed, with its result in `$MONITOR_*`: for the unit that `OnFailure=` names
    #[arg(long, value_name = "UNIT")]
    unit_failed: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Send one test message to each target, or to one, and print what each said
    ///
    /// Goes past filters, quiet hours and pauses. A target that takes it is no longer paused.
    Test {
        /// The target
        target: Option<String>,
        /// Print what would be done and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what waits for each target, what it did not take, and why nothing arrives
    List,
    /// Send again what a target did not take, and end the pauses of targets that failed
    Retry(settle::Which),
    /// Tell nobody of an event
    Drop(settle::Which),
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read or written.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    match &args.verb {
        None => drain(env, args, args.unit_failed.as_deref()),
        Some(Verb::Test { target, dry_run }) => test(env, target.as_deref(), *dry_run),
        Some(Verb::List) => list::list(env),
        Some(Verb::Retry(which)) => settle::retry(env, which),
        Some(Verb::Drop(which)) => settle::drop_event(env, which),
    }
}

fn drain(env: &Env, args: &Args, failed: Option<&str>) -> Result<Exit> {
    let mut report = Report { command: "notify".into(), dry_run: args.dry_run, ..Report::default() };
    if let Some(unit) = failed.filter(|_| !args.dry_run) {
        note_failed(env, unit);
    }
    if env.config.notify.targets.is_empty() {
        if !args.dry_run {
            // Else the path unit that it has woken would look for ever.
            env.store.take_kick("notify");
        }
        "no target is configured".clone_into(&mut report.summary);
        env.out.report(&report);
        return Ok(Exit::Done);
    }
    if args.dry_run {
        plan(env, &mut report)?;
        env.out.report(&report);
        return Ok(Exit::Done);
    }
    match env.store.run_lock("notify") {
        Ok(_held) => cycle(env, &mut report)?,
        Err(busy @ LockError::Busy { .. }) => report.skipped = Some(busy.to_string()),
        Err(LockError::Failed(e)) => return Err(e),
    }
    env.out.report(&report);
    Ok(exit(&report))
}

/// Whatever did not arrive is sent again: part of the work has failed, not all of it.
fn exit(report: &Report) -> Exit {
    if report.actions.iter().any(|a| a.failed) { Exit::Partial } else { Exit::Done }
}

fn cycle(env: &Env, report: &mut Report) -> Result<()> {
    env.store.take_kick("notify");
    let mut locked = env.store.lock()?;
    locked.sweep();
    if let Err(e) = env.config.targets_yaml().and_then(|text| locked.keep_targets(&text)) {
        log::warn!("an invalid configuration could not be told of later: {e:#}");
    }
    drop(locked);
    let outbox = env.store.outbox(&env.config.notify.targets)?;
    for broken in &outbox.broken {
        let item = Item::failed(&broken.name, "not read", &broken.error);
        report.actions.push(item.hint(broken.hint.clone()));
    }
    let Drained { actions, waiting } = act::drain(env, &outbox.events)?;
    report.actions.extend(actions);
    report.waiting.extend(waiting);
    let sent = report.actions.iter().filter(|a| a.verb == "sent").count();
    report.summary = match (outbox.events.len(), sent) {
        (0, _) => "nothing to tell".to_owned(),
        (_, 1) => "1 message sent".to_owned(),
        (_, n) => format!("{n} messages sent"),
    };
    Ok(())
}

fn plan(env: &Env, report: &mut Report) -> Result<()> {
    let outbox = env.store.outbox(&env.config.notify.targets)?;
    for target in &env.config.notify.targets {
        match act::plan(env, target, &outbox.events)? {
            Next::Idle => {}
            Next::Wait { until, why } => {
                let why = format!("until {}: {why}", local(until, &env.zone));
                report.waiting.push(Item::new(&target.name, "waits", why));
            }
            Next::Send(message) => {
                let told: Vec<String> = message.events.iter().map(|id| what(&outbox.events, id)).collect();
                report.actions.push(Item::new(&target.name, "would be sent", told.join("; ")));
            }
        }
        if let Some(Err(e)) = target.secret.as_ref().map(crate::sys::secret::read) {
            report.actions.push(Item::error(&target.name, "cannot be reached", &e));
        }
    }
    report.summary = format!("{} events in the outbox", outbox.events.len());
    Ok(())
}

fn what(events: &[crate::model::notify::Event], id: &str) -> String {
    events
        .iter()
        .find(|e| e.id == id)
        .map_or_else(|| id.to_owned(), |e| line(&format!("{} {}", e.what, e.subject), 80))
}

/// Notes that a unit failed, as the service manager tells it in the environment of what `OnFailure=` starts.
fn note_failed(env: &Env, unit: &str) {
    let var = |name: &str| paths::var(name).and_then(|v| v.into_string().ok()).map(|v| line(&v, 80));
    let result = var("MONITOR_SERVICE_RESULT").unwrap_or_else(|| "its result is not told".to_owned());
    let ended = match (var("MONITOR_EXIT_CODE"), var("MONITOR_EXIT_STATUS")) {
        (Some(code), Some(status)) => format!(" ({code}, {status})"),
        _ => String::new(),
    };
    let unit = line(unit, 200);
    // A unit that fails every minute fails once an hour.
    let hour = clock::now().strftime("%Y-%m-%dT%H").to_string();
    env.note(&LogEntry {
        command: "notify",
        what: "a unit failed",
        why: &format!("{result}{ended}"),
        unit: Some(&unit),
        event: Some(Telling::new(Kind::UnitFailed, format!("{hour} {result}{ended}"))),
        ..LogEntry::default()
    });
}

fn test(env: &Env, name: Option<&str>, dry_run: bool) -> Result<Exit> {
    let targets: Vec<&Target> = match name {
        None => env.config.notify.targets.iter().collect(),
        Some(name) => vec![target(env, name)?],
    };
    if targets.is_empty() {
        return Err(anyhow!("no target is configured")).hint("see `notifications` in `examples/config.yaml`");
    }
    let mut report = Report { command: "notify test".into(), dry_run, ..Report::default() };
    for target in &targets {
        if dry_run {
            let kind = target.via.kind().as_str();
            report.actions.push(Item::new(&target.name, "would be tested", format!("a message by {kind}")));
            continue;
        }
        let content = test_message(env.now, &target.name, &paths::host_name());
        let outcome = send::send(&env.config.notify, target, &content, env.now);
        let item = match &outcome {
            Outcome::Sent(said) => {
                env.store
                    .lock()?
                    .update_target(&target.name, crate::model::notify::record::TargetRecord::is_well)?;
                Item::new(&target.name, "sent", said)
            }
            Outcome::Fault { why, hint } => Item::failed(&target.name, "not sent", why).hint(hint.clone()),
            other => Item::failed(&target.name, "not sent", other.words()),
        };
        report.actions.push(item);
    }
    if !dry_run && report.actions.iter().any(|a| !a.failed) {
        env.store.kick("notify");
    }
    env.out.report(&report);
    Ok(report.exit())
}

fn target<'e>(env: &'e Env, name: &str) -> Result<&'e Target> {
    let targets = &env.config.notify.targets;
    let names: Vec<&str> = targets.iter().map(|t| t.name.as_str()).collect();
    targets
        .iter()
        .find(|t| t.name == name)
        .ok_or_else(|| anyhow!("no target of this name: `{}`", crate::model::name::shown(name)))
        .hint(format!("there are: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }))
        .exit(Exit::Usage)
}
