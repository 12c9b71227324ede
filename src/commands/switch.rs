//! `switch`: moves sessions to another account, as a journaled transaction.

use anyhow::{Result, anyhow};

use crate::act::gather::{self, Found, How};
use crate::act::switch::{self as act, Wish};
use crate::env::{Env, local};
use crate::error::{Class, Exit, Mark};
use crate::model::front_matter;
use crate::model::journal::{Journal, Stage};
use crate::model::name::{AccountName, SessionName};
use crate::model::report::{Item, Report};
use crate::model::session::{Kind, SessionRecord};
use crate::model::switch::decide;
use crate::sys::store::Sessions;
use crate::sys::tmux::Tmux;
use crate::sys::{clock, queue};

/// Move sessions to another account, with their conversations
///
/// Each session comes to the end of its turn, its client is ended, and the same conversation goes on
/// under the other account; what was in the middle of something is told to carry on. A first session
/// shows whether the account works, then a few move at once. Dedicated sessions move too, at rest; one in
/// which a person is typing is moved later, by `watch`. New sessions start on the new account.
///
/// A switch that was interrupted is carried on by the next `watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The account to move to (default: the best one, see `quota-check --explain`)
    #[arg(long, value_name = "ACCOUNT")]
    pub to: Option<AccountName>,
    /// Only this session (may be repeated); the active account stays as it is
    #[arg(long = "session", value_name = "SESSION")]
    pub sessions: Vec<SessionName>,
    /// Print what would be moved and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Through what it was asked for: of the run that `mcp` begins
    #[arg(long, hide = true, value_parser = ["mcp"])]
    pub origin: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// If there is no account to move to, or another switch is under way.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let (report, exit) = once(env, args)?;
    env.out.report(&report);
    Ok(exit)
}

/// One switch, or its plan.
///
/// # Errors
/// If there is no account to move to, or another switch is under way.
pub fn once(env: &Env, args: &Args) -> Result<(Report, Exit)> {
    let mut report = Report { command: "switch".into(), dry_run: args.dry_run, ..Report::default() };
    let _held = if args.dry_run { None } else { Some(env.store.wait_run_lock("switch")?) };
    let tmux = env.tmux();
    if !args.dry_run
        && let Some(items) = resume(env, &tmux)?
    {
        report.actions.extend(items);
    }
    let sessions = env.store.sessions()?;
    let found = gather::all(env, &sessions, How { store: !args.dry_run, forecast_all: false })?;
    let from = env.active();
    let chosen = chosen(env, args, &sessions)?;
    let to = target(env, args, &found, &from)?;
    // Who is bound to another account stays there, unless it was named.
    let named = !args.sessions.is_empty();
    let free = |r: &SessionRecord| named || pin(env, r).is_none_or(|bound| bound == to);
    let elsewhere = |r: &SessionRecord| r.account.as_ref().is_some_and(|on| *on != to);
    let moved: Vec<SessionRecord> = chosen.into_iter().filter(|r| elsewhere(r) && free(r)).collect();
    let account = env.config.account(&to).ok_or_else(|| anyhow!("no account `{to}` in the configuration"))?;
    if args.dry_run {
        preview(env, &tmux, &to, &moved, &mut report);
        let exit = if report.actions.iter().any(|a| a.failed) { Exit::No } else { Exit::Done };
        return Ok((report, exit));
    }
    act::check(env, account, &moved).exit(Exit::No)?;
    let activates = args.sessions.is_empty();
    if moved.is_empty() && (!activates || to == from) {
        report.summary = format!("nothing to do: no session is on another account than `{to}`");
        let exit = report.exit();
        return Ok((report, exit));
    }
    let why = args.origin.as_ref().map_or_else(|| env.asked(), |origin| format!("asked for through `{origin}`"));
    let wish = Wish { from, to, sessions: moved, why, urgent: false, by_person: true, activates };
    let journal = act::carry_on(env, &tmux, act::begin(env, &wish)?)?;
    tell(&journal, &mut report);
    let exit = exit(&journal, &report);
    Ok((report, exit))
}

/// Carries on the switch that a killed run has left; `None` if there is none. Needs the lock `switch`.
///
/// # Errors
/// If a step fails.
pub fn resume(env: &Env, tmux: &Tmux) -> Result<Option<Vec<Item>>> {
    if !env.store.is_switching() {
        return Ok(None);
    }
    let Some(journal) = env.store.journal()? else { return Ok(None) };
    let begun = local(journal.begun, &env.zone);
    env.out.note(&format!("carrying on the switch to `{}` of {begun}", journal.to));
    let mut report = Report::default();
    tell(&act::carry_on(env, tmux, journal)?, &mut report);
    report.actions.extend(report.waiting);
    Ok(Some(report.actions))
}

/// The sessions that a person means.
fn chosen(env: &Env, args: &Args, sessions: &Sessions) -> Result<Vec<SessionRecord>> {
    if args.sessions.is_empty() {
        return Ok(movable(env, sessions, None));
    }
    let find = |name: &SessionName| {
        sessions
            .get(name)
            .cloned()
            .ok_or_else(|| anyhow!("nothing is known of session `{name}`"))
            .hint("`claude-failover status` lists the sessions")
            .class(Class::Unknown)
    };
    args.sessions.iter().map(find).collect()
}

/// Sessions with a client or a task, of one account or of all.
#[must_use]
pub fn movable(env: &Env, sessions: &Sessions, on: Option<&AccountName>) -> Vec<SessionRecord> {
    let fits = |r: &&SessionRecord| {
        let wanted = match r.kind {
            Kind::Dedicated => env.config.dedicated(&r.name).is_some() && r.conversation.is_some(),
            Kind::Pool => r.client.is_some() || r.lease.is_some(),
        };
        wanted && r.account.is_some() && on.is_none_or(|on| r.account.as_ref() == Some(on))
    };
    sessions.records.iter().filter(fits).cloned().collect()
}

/// The account that a session's task or project is bound to.
#[must_use]
pub fn pin(env: &Env, record: &SessionRecord) -> Option<AccountName> {
    let lease = record.lease.as_ref()?;
    let file = queue::Paths::of(&lease.project_path).claimed(&lease.task.id);
    let text = queue::read_task(&file, env.config.dispatch.max_task_bytes).ok().flatten()?;
    let header = front_matter::parse(&text, &lease.task.project, &lease.task.id, &env.zone).ok()?;
    let project = env.config.projects.iter().find(|p| p.name == lease.task.project);
    header.account.or_else(|| project.and_then(|p| p.account.clone()))
}

fn target(env: &Env, args: &Args, found: &Found, from: &AccountName) -> Result<AccountName> {
    if let Some(to) = &args.to {
        if env.config.account(to).is_none() {
            return Err(anyhow!("no account `{to}` in the configuration"))
                .hint("`claude-failover account list` lists them")
                .class(Class::Unknown);
        }
        if let Some((_, e)) = found.broken.iter().find(|(name, _)| name == to) {
            return Err(anyhow!("nothing is known of account `{to}`: {e:#}"));
        }
        return Ok(to.clone());
    }
    let decision = decide(clock::now(), &found.views(), from, &env.store.memory()?, &env.config.quota.policy, &[]);
    let best = decision.candidates().first().copied().cloned();
    best.ok_or_else(|| anyhow!("no other account can take the sessions of `{from}`"))
        .hint("`claude-failover quota-check --explain` tells why; `--to` chooses one above its threshold")
        .exit(Exit::No)
}

fn preview(env: &Env, tmux: &Tmux, to: &AccountName, moved: &[SessionRecord], report: &mut Report) {
    use crate::model::moving::Ready;
    for record in moved {
        let (ready, _) = act::look_at(env, tmux, record, false, false);
        let from = record.account.as_ref().map(ToString::to_string).unwrap_or_default();
        let (verb, why) = match ready {
            Ready::Go => ("would move", format!("from `{from}` to `{to}`")),
            Ready::Wait(why) => ("would move", format!("from `{from}` to `{to}`, at the end of its turn: {why}")),
            Ready::Defer(why) => ("would be deferred", why),
            Ready::Skip(why) => ("would be left as it is", why),
        };
        report.actions.push(Item::new(&record.name, verb, why));
    }
    match env.config.account(to).map(|account| check_only(env, account, moved)) {
        Some(Err(e)) => report.actions.push(Item::error(to, "cannot take them", &e)),
        _ => report.summary = format!("would move {} sessions to `{to}`", moved.len()),
    }
}

/// What can be said of a target without preparing its home.
fn check_only(env: &Env, account: &crate::config::Account, moved: &[SessionRecord]) -> Result<()> {
    let known = gather::recorded(env, account, moved)?;
    match known.view.obstacles(env.now).first() {
        Some(why) => Err(anyhow!("{why}")),
        None => Ok(()),
    }
}

/// Adds what became of a switch to a report.
pub fn tell(journal: &Journal, report: &mut Report) {
    for m in &journal.moves {
        let to = m.on.as_ref().map_or_else(String::new, |on| format!("to `{on}`, "));
        let name = &m.session;
        let explain = || Some(format!("claude-failover explain session {name}"));
        match m.stage {
            Stage::Done => report.actions.push(Item::new(name, "moved", format!("{to}{}", m.why))),
            Stage::Failed => {
                let hint = Some(format!("claude-failover explain session {name}; claude-failover launch {name}"));
                report.actions.push(Item::failed(name, "not moved", &m.why).hint(hint));
            }
            Stage::Deferred => report.waiting.push(Item::new(name, "deferred", &m.why).hint(explain())),
            other => report.waiting.push(Item::new(name, other.as_str(), &m.why)),
        }
    }
    for dead in &journal.dead {
        let hint = Some(format!("claude-failover account check {}", dead.account));
        report.actions.push(Item::failed(&dead.account, "does not work", &dead.why).hint(hint));
    }
    report.actions.extend(journal.faults.iter().map(|fault| Item::failed("switch", "left undone", fault)));
    let moved = journal.moves.iter().filter(|m| m.stage == Stage::Done).count();
    report.summary = match (journal.back, journal.to == journal.from) {
        (true, _) => "back where they were: no other account works".to_owned(),
        (_, true) => format!("{moved} sessions go on, on `{}`", journal.to),
        _ => format!(
            "{moved} of {} sessions moved from `{}` to `{}`",
            journal.moves.len(),
            journal.from,
            journal.to
        ),
    };
}

/// The exit code of a switch.
#[must_use]
pub fn exit(journal: &Journal, report: &Report) -> Exit {
    if journal.back {
        Exit::No
    } else if !journal.faults.is_empty() || journal.moves.iter().any(|m| m.stage == Stage::Failed) {
        report.exit()
    } else {
        Exit::Done
    }
}
