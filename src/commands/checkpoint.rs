//! `checkpoint`: snapshots of sessions, and a session brought back from one.

mod list;
mod restore;
mod show;

use anyhow::{Result, anyhow};

use crate::act::checkpoint::{Subject, Taken, keep, look_at};
use crate::act::look::{self, Scene};
use crate::env::Env;
use crate::error::{Class, Exit, Mark};
use crate::model::checkpoint::{Checkpoint, CheckpointId};
use crate::model::name::SessionName;
use crate::model::report::{Item, Report};
use crate::model::session::SessionRecord;
use crate::sys::lock::LockError;
use crate::sys::process;

/// Take a checkpoint of every live session, or list, show and restore them
///
/// A checkpoint holds what a session can be brought back from: task, conversation, the end of its transcript,
/// the last tool call, directory and what git says of it, account, model, screen. A session that has nothing new
/// to tell since its last one is left out. `switch` takes one of each session before it ends its client.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only this session
    #[arg(long, value_name = "SESSION")]
    session: Option<SessionName>,
    /// Print what would be written and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(list::Args),
    Show(show::Args),
    Restore(restore::Args),
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read, or there is no such session or checkpoint.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    match &args.verb {
        None => take(env, args),
        Some(Verb::List(args)) => list::run(env, args),
        Some(Verb::Show(args)) => show::run(env, args),
        Some(Verb::Restore(args)) => restore::run(env, args),
    }
}

fn take(env: &Env, args: &Args) -> Result<Exit> {
    let report = once(env, args.session.as_ref(), args.dry_run)?;
    env.out.report(&report);
    log::info!("{} child processes", process::spawned());
    Ok(report.exit())
}

/// One run over all sessions or one of them, or its plan.
///
/// # Errors
/// If the state cannot be read, or there is no such session.
pub fn once(env: &Env, only: Option<&SessionName>, dry_run: bool) -> Result<Report> {
    let mut report = Report { command: "checkpoint".into(), dry_run, ..Report::default() };
    if dry_run {
        round(env, only, &mut report)?;
    } else {
        match env.store.run_lock("checkpoint") {
            Ok(_held) => round(env, only, &mut report)?,
            Err(busy @ LockError::Busy { .. }) => report.skipped = Some(busy.to_string()),
            Err(LockError::Failed(e)) => return Err(e),
        }
    }
    Ok(report)
}

fn round(env: &Env, only: Option<&SessionName>, report: &mut Report) -> Result<()> {
    let sessions = env.store.sessions()?;
    if let Some(name) = only
        && sessions.get(name).is_none()
        && !sessions.broken.iter().any(|b| b.name == name.as_str())
    {
        return Err(anyhow!("nothing is known of session `{name}`"))
            .hint("`claude-failover status` lists the sessions")
            .class(Class::Unknown);
    }
    let asked = |name: &str| only.is_none_or(|only| only.as_str() == name);
    for broken in sessions.broken.iter().filter(|b| asked(&b.name)) {
        report.actions.push(Item::failed(&broken.name, "not seen", &broken.error).hint(broken.hint.clone()));
    }
    let chosen: Vec<&SessionRecord> = sessions.records.iter().filter(|r| asked(r.name.as_str())).collect();
    // Nothing runs that we know of: tmux need not even be asked.
    let live: Vec<&&SessionRecord> = chosen.iter().filter(|r| r.is_live()).collect();
    let tmux = env.tmux();
    let mut seen = Vec::new();
    if !live.is_empty() {
        let scene = Scene::of(&tmux);
        if let Err(e) = &scene.tmux {
            // Nothing can be seen: a timer whose run found that out must not look green.
            report.actions.push(Item::failed("tmux", "not seen", e.to_string()).hint(e.hint()));
            report.summary = "no session could be looked at".to_owned();
            return Ok(());
        }
        let moving = env.store.journal().ok().flatten();
        for record in live {
            if moving.as_ref().is_some_and(|j| j.holds(&record.name)) {
                report.waiting.push(Item::new(&record.name, "left alone", "it is being moved, which takes one"));
                continue;
            }
            let (now, observed) = look::at(env, &tmux, &scene, record);
            // One that cannot be found is not live; one that runs out of tmux's sight is.
            if observed.process.is_some() || observed.astray.is_some() {
                let pane = observed.process.is_some().then(|| scene.pane(&now).cloned()).flatten();
                seen.push((now, pane));
            }
        }
    }
    let told_nothing = report.actions.is_empty() && report.waiting.is_empty();
    if let (Some(name), true) = (only, seen.is_empty() && told_nothing) {
        report.waiting.push(Item::new(name, "left alone", "no client runs in it"));
    }
    let subjects: Vec<Subject<'_>> =
        seen.iter().map(|(record, pane)| Subject { record, pane: pane.as_ref() }).collect();
    for taken in look_at(env, &tmux, &subjects, "checkpoint", false) {
        kept(env, report.dry_run, &taken, report);
    }
    let new = report.actions.iter().filter(|a| !a.failed).count();
    report.summary = match seen.len() {
        0 => "no session is live".to_owned(),
        live => format!("{new} of {live} live sessions had something new"),
    };
    Ok(())
}

fn kept(env: &Env, dry_run: bool, taken: &Taken, report: &mut Report) {
    let made = &taken.checkpoint;
    if let Some(same) = &taken.same_as {
        return report.waiting.push(Item::new(&made.session, "unchanged", format!("since checkpoint {same}")));
    }
    let what = line(made);
    if dry_run {
        return report.actions.push(Item::new(&made.session, "would be kept", what));
    }
    report.actions.push(match keep(env, made) {
        Ok(id) => Item::new(&made.session, "kept", format!("as {id}: {what}")),
        Err(e) => Item::error(&made.session, "not kept", &e),
    });
}

/// What a checkpoint holds, in one line.
fn line(made: &Checkpoint) -> String {
    let mut parts = vec![made.state.to_string()];
    parts.extend(made.task.as_ref().map(|held| format!("task `{}`", held.task)));
    parts.extend(made.account.as_ref().map(|account| format!("on `{account}`")));
    if let Some(git) = &made.git {
        let dirty = git.dirty_count.map_or_else(String::new, |count| format!(", {count} files not committed"));
        parts.push(format!("{}{dirty}", git.branch.as_deref().unwrap_or("no branch")));
    }
    if made.transcript.is_none() {
        parts.push("no transcript yet".to_owned());
    }
    if !made.unseen.is_empty() {
        parts.push(format!("not seen: {}", made.unseen.join(", ")));
    }
    parts.join(", ")
}

/// A checkpoint of a session: the one that is named, else the newest.
fn find(env: &Env, session: &SessionName, id: Option<&CheckpointId>) -> Result<Checkpoint> {
    let ids = env.store.checkpoints(session)?;
    let Some(newest) = ids.last() else {
        return Err(anyhow!("no checkpoint of session `{session}`"))
            .hint("`claude-failover checkpoint` takes them, `checkpoint list` lists them");
    };
    env.store
        .checkpoint(session, id.unwrap_or(newest))?
        .ok_or_else(|| anyhow!("no checkpoint `{}` of session `{session}`", id.unwrap_or(newest)))
        .hint(format!("`claude-failover checkpoint list {session}` lists them"))
}
