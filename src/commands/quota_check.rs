//! `quota-check`: gathers usage signals, forecasts, decides, and runs the switch that is due.

pub mod explain;
mod news;

use anyhow::Result;
use serde::Serialize;
use std::time::Duration;

use super::switch::{exit, movable, pin, resume, tell};
use crate::act::gather::{self, Found, How};
use crate::act::switch::{self as act, Wish};
use crate::env::{Env, local};
use crate::error::Exit;
use crate::model::journal::Journal;
use crate::model::moving::stands_still;
use crate::model::name::AccountName;
use crate::model::quota::BLIND;
use crate::model::report::{Item, Report};
use crate::model::session::SessionRecord;
use crate::model::signals::failure;
use crate::model::switch::{Decision, Memory, Trigger, Verdict, decide, remember};
use crate::sys::lock::LockError;
use crate::sys::store::Sessions;
use crate::sys::tmux::Tmux;
use crate::sys::{clock, process};

/// Gather usage signals, forecast, and switch accounts when one is running out
///
/// Leaves at once when nothing is due. Exit 5 when sessions should leave their account and no other one
/// can take them; that is announced once, and they go on at the reset.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print every number that the decision rests on, and change nothing
    #[arg(long)]
    explain: bool,
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The verdict beside the report.
#[derive(Debug, Serialize)]
pub struct Answer {
    version: u32,
    /// What was done.
    #[serde(flatten)]
    pub report: Report,
    active: AccountName,
    decision: Option<Decision>,
    /// The exit code of it.
    #[serde(skip)]
    pub exit: Exit,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read or written.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    if args.explain {
        let (_, found, decision) = looked(env)?;
        return Ok(explain::print(env, &found, &decision));
    }
    let answer = once(env, args.dry_run)?;
    if env.out.json {
        env.out.object(&answer);
    } else {
        env.out.report(&answer.report);
    }
    log::info!("{} child processes", process::spawned());
    Ok(answer.exit)
}

/// What a decision rests on and what it is; nothing is stored.
fn looked(env: &Env) -> Result<(Sessions, Found, Decision)> {
    let sessions = env.store.sessions()?;
    let found = gather::all(env, &sessions, How { store: false, forecast_all: true })?;
    let decision = decision(env, &found, &env.store.memory()?);
    Ok((sessions, found, decision))
}

/// One run, or its plan.
///
/// # Errors
/// If the state cannot be read or written.
pub fn once(env: &Env, dry_run: bool) -> Result<Answer> {
    if dry_run {
        let (sessions, _, decision) = looked(env)?;
        let mut report = Report { command: "quota-check".into(), dry_run, ..Report::default() };
        plan(env, &sessions, &decision, &mut report);
        let exit = verdict_exit(&decision);
        return Ok(answer(env, report, Some(decision), exit));
    }
    let mut report = Report { command: "quota-check".into(), ..Report::default() };
    let done = match env.store.run_lock("quota-check") {
        Ok(_held) => cycle(env, &mut report)?,
        Err(busy @ LockError::Busy { .. }) => {
            report.skipped = Some(busy.to_string());
            (None, Exit::Done)
        }
        Err(LockError::Failed(e)) => return Err(e),
    };
    Ok(answer(env, report, done.0, done.1))
}

fn answer(env: &Env, report: Report, decision: Option<Decision>, exit: Exit) -> Answer {
    Answer { version: 1, report, active: env.active(), decision, exit }
}

fn decision(env: &Env, found: &Found, memory: &Memory) -> Decision {
    let active = env.active();
    let weak = found.weak_of(&active);
    decide(clock::now(), &found.views(), &active, memory, &env.config.quota.policy, &weak)
}

fn verdict_exit(decision: &Decision) -> Exit {
    if matches!(decision.verdict, Verdict::Exhausted { .. }) { Exit::No } else { Exit::Done }
}

/// What a verdict comes to, in words.
#[must_use]
pub fn words_of(env: &Env, verdict: &Verdict) -> String {
    verdict.words(&env.active(), |at| local(at, &env.zone))
}

fn plan(env: &Env, sessions: &Sessions, decision: &Decision, report: &mut Report) {
    report.summary = words_of(env, &decision.verdict);
    if let Verdict::Switch { to, .. } = &decision.verdict {
        for record in leaving(env, sessions, &env.active()) {
            report.actions.push(Item::new(&record.name, "would move", format!("to `{to}`")));
        }
    }
}

/// One run under the run lock. `watch` calls it too when it has seen a limit.
///
/// # Errors
/// If the state cannot be read or written.
pub fn cycle(env: &Env, report: &mut Report) -> Result<(Option<Decision>, Exit)> {
    env.store.take_kick("quota");
    let switching = match env.store.run_lock("switch") {
        Ok(held) => held,
        Err(busy @ LockError::Busy { .. }) => {
            report.skipped = Some(busy.to_string());
            return Ok((None, Exit::Done));
        }
        Err(LockError::Failed(e)) => return Err(e),
    };
    let tmux = env.tmux();
    if let Some(items) = resume(env, &tmux)? {
        report.actions.extend(items);
    }
    let sessions = env.store.sessions()?;
    let how = How { store: true, forecast_all: false };
    let mut found = gather::all(env, &sessions, how)?;
    if is_endless(&found, &env.active()) {
        // The client says when a limit ends a moment after it says that it was hit; a client that is moved
        // away at once says it never.
        clock::wait_for(ENDS, Duration::from_millis(100), || {
            found = gather::all(env, &sessions, how).ok()?;
            (!is_endless(&found, &env.active())).then_some(())
        });
    }
    for (name, e) in &found.broken {
        report.actions.push(Item::error(name, "not seen", e));
    }
    let memory = env.store.memory()?;
    let decision = decision(env, &found, &memory);
    report.summary = words_of(env, &decision.verdict);
    let is_new = is_news(&memory, &decision, env);
    let words = report.summary.clone();
    let exhausted = news::exhausted(env, &decision, &words);
    if is_new && let Some(entry) = &exhausted {
        // Before it is remembered that it was told: a run that is killed between the two tells it once more.
        env.tell(entry);
    }
    news::of_logins(env, &found);
    note_memory(env, &memory, &found, &decision)?;
    let mut code = verdict_exit(&decision);
    match &decision.verdict {
        Verdict::Switch { to, trigger, why } if env.config.quota.auto_switch => {
            let from = env.active();
            let wish = Wish {
                sessions: leaving(env, &sessions, &from),
                from,
                to: to.clone(),
                why: why.clone(),
                urgent: trigger.is_urgent(),
                by_person: false,
                activates: true,
            };
            code = switch(env, &tmux, &decision, wish, report)?;
        }
        Verdict::Switch { .. } => report.summary.push_str(" (not made: `quota.auto_switch` is off)"),
        Verdict::Exhausted { .. } if is_new => exhausted.iter().for_each(|entry| env.note(entry)),
        _ => {}
    }
    strays(env, &tmux, found, report)?;
    drop(switching);
    Ok((Some(decision), code))
}

/// How long a limit that was hit just now is given to say when it ends.
const ENDS: Duration = Duration::from_millis(1500);

/// Whether a limit of an account was hit just now and nothing has said when it ends.
fn is_endless(found: &Found, account: &AccountName) -> bool {
    let Some(known) = found.get(account) else { return false };
    let (now, record) = (clock::now(), &known.record);
    record
        .limits
        .values()
        .chain(&record.blind_limit)
        .any(|l| l.until.is_none() && now.duration_since(l.at).unsigned_abs() < ENDS * 2)
}

/// Makes a switch; if the chosen account cannot take the sessions after all, the next one.
fn switch(env: &Env, tmux: &Tmux, decision: &Decision, wish: Wish, report: &mut Report) -> Result<Exit> {
    let others = decision.candidates();
    let others = others.iter().copied().filter(|name| **name != wish.to);
    for name in std::iter::once(&wish.to).chain(others) {
        let Some(account) = env.config.account(name) else { continue };
        if let Err(e) = act::check(env, account, &wish.sessions) {
            report.actions.push(Item::error(name, "cannot take the sessions", &e));
            continue;
        }
        let wish = Wish { to: name.clone(), ..wish.clone() };
        let journal = act::carry_on(env, tmux, act::begin(env, &wish)?)?;
        tell_too(&journal, report);
        return Ok(exit(&journal, report));
    }
    Ok(Exit::No)
}

/// The sessions that leave an account: not those that are bound to it, nor those that wait for a person.
fn leaving(env: &Env, sessions: &Sessions, from: &AccountName) -> Vec<SessionRecord> {
    let mut all = movable(env, sessions, Some(from));
    all.retain(|r| r.to_move.is_none() && pin(env, r).as_ref() != Some(from));
    all
}

/// Sessions that the switch of the active account does not help: on another account that has run out or is
/// gone from the configuration, or standing still at a limit or a login that is over.
fn strays(env: &Env, tmux: &Tmux, mut found: Found, report: &mut Report) -> Result<()> {
    let sessions = env.store.sessions()?;
    let active = env.active();
    let mut names: Vec<AccountName> = sessions.records.iter().filter_map(|r| r.account.clone()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let last = env.store.past_switches()?.pop();
        let sessions = env.store.sessions()?;
        let alone = |sessions, to: &AccountName, why: String| Wish {
            from: name.clone(),
            to: to.clone(),
            sessions,
            why,
            urgent: true,
            by_person: false,
            activates: false,
        };
        let gone = env.config.account(&name).is_none();
        let stuck = leaving(env, &sessions, &name);
        let over = found.get(&name).is_some_and(|k| k.view.obstacles(clock::now()).is_empty());
        let memory = env.store.memory()?;
        let decision = decide(clock::now(), &found.views(), &name, &memory, &env.config.quota.policy, &[]);
        if name != active && !stuck.is_empty() && env.config.quota.auto_switch {
            // With the others, if their account has room.
            let together = decision.assessments.iter().any(|a| a.account == active && a.rank.is_some());
            match &decision.verdict {
                Verdict::Switch { to, trigger, why } if *trigger != Trigger::FailBack => {
                    let to = if together { &active } else { to };
                    let wish = Wish { urgent: trigger.is_urgent(), ..alone(stuck, to, why.clone()) };
                    switch(env, tmux, &decision, wish, report)?;
                }
                _ if gone => {
                    let why = format!("account `{name}` is not in the configuration any more");
                    switch(env, tmux, &decision, alone(stuck, &active, why), report)?;
                }
                _ => again(env, tmux, &sessions, &name, over, report, &alone)?,
            }
        } else {
            again(env, tmux, &sessions, &name, over, report, &alone)?;
        }
        if env.store.past_switches()?.pop() != last {
            found = gather::all(env, &env.store.sessions()?, How { store: true, forecast_all: false })?;
        }
    }
    Ok(())
}

/// The limit is over, a person has logged in again: whoever stands still because of it goes on where it is.
fn again(
    env: &Env,
    tmux: &Tmux,
    sessions: &Sessions,
    name: &AccountName,
    over: bool,
    report: &mut Report,
    wish: &dyn Fn(Vec<SessionRecord>, &AccountName, String) -> Wish,
) -> Result<()> {
    let Some(account) = env.config.account(name).filter(|_| over) else { return Ok(()) };
    let mut waits = movable(env, sessions, Some(name));
    waits.retain(|r| r.to_move.is_none() && stands_still(r) && !failed_at_once(r));
    if waits.is_empty() {
        return Ok(());
    }
    if let Err(e) = act::check(env, account, &waits) {
        report.actions.push(Item::error(name, "cannot go on", &e));
        return Ok(());
    }
    let wish = wish(waits, name, format!("`{name}` can be used again"));
    let journal = act::carry_on(env, tmux, act::begin(env, &wish)?)?;
    tell_too(&journal, report);
    Ok(())
}

/// Adds what became of a switch behind what was decided.
fn tell_too(journal: &Journal, report: &mut Report) {
    let verdict = std::mem::take(&mut report.summary);
    tell(journal, report);
    report.summary = format!("{verdict}\n{}", report.summary);
}

/// Whether a session that was resumed a short while ago has met at once a limit of which the account's windows
/// show nothing, such as that of a model which a person has chosen: it rests for a while.
fn failed_at_once(record: &SessionRecord) -> bool {
    let resumed = record.digest.start.as_ref().is_some_and(|s| s.seq > record.launch_mark && s.what == "resume");
    let (Some(failed), Some(client)) = (record.digest.open_failure(), &record.client) else { return false };
    let unseen = match failure::read(failed) {
        failure::Failure::Limit(window) => !window.is_some_and(|w| w.binds_account()),
        _ => false,
    };
    let soon = failed.at.duration_since(client.launched) < jiff::SignedDuration::from_mins(2);
    let age = clock::now().duration_since(failed.at);
    unseen && resumed && soon && (jiff::SignedDuration::ZERO..BLIND).contains(&age)
}

/// Whether "all exhausted" has not been told yet for this reset.
fn is_news(memory: &Memory, decision: &Decision, env: &Env) -> bool {
    match &decision.verdict {
        Verdict::Exhausted { .. } => memory.announced.is_none_or(|until| until <= env.now),
        _ => false,
    }
}

fn note_memory(env: &Env, memory: &Memory, found: &Found, decision: &Decision) -> Result<()> {
    let mut new = memory.clone();
    new.weak = remember(memory, &found.weak_of(&env.active()), env.now);
    let hour = jiff::SignedDuration::from_hours(1);
    match &decision.verdict {
        Verdict::Exhausted { until, .. } if is_news(memory, decision, env) => {
            new.announced = until.or_else(|| env.now.checked_add(hour).ok());
        }
        Verdict::Exhausted { .. } => {}
        _ => new.announced = None,
    }
    // Above its threshold with nowhere to go: it goes on until the limit itself.
    let nowhere = decision.assessments.iter().all(|a| a.rank.is_none());
    let recent = |at: &jiff::Timestamp| {
        (jiff::SignedDuration::ZERO..env.config.quota.interval).contains(&env.now.duration_since(*at))
    };
    new.no_room = (matches!(decision.verdict, Verdict::Held { .. }) && nowhere)
        .then(|| memory.no_room.filter(recent).unwrap_or(env.now));
    if new != *memory {
        env.store.lock()?.write_memory(&new)?;
    }
    Ok(())
}
