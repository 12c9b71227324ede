//! `stop`: ends the client of a pool session, and proves that it is gone.

use anyhow::{Result, anyhow};

use crate::act::end::{self, Ending};
use crate::act::stop::{Ended, stop};
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::name::SessionName;
use crate::model::report::{Item, Report};
use crate::model::session::{Kind, SessionRecord};
use crate::model::task::AttemptResult;
use crate::sys::tmux::Tmux;

/// End the client of a pool session
///
/// The turn is interrupted, the client asked to end, and only after a wait killed. A task that the
/// session has goes back to its inbox, or stays with `--keep-task`. Dedicated sessions are the
/// operator's: they are never ended.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sessions
    #[arg(required_unless_present = "all", value_name = "SESSION")]
    sessions: Vec<SessionName>,
    /// Every pool session
    #[arg(long, conflicts_with = "sessions")]
    all: bool,
    /// Leave the task with the session; `watch` brings it back with its conversation
    #[arg(long)]
    keep_task: bool,
    /// Print what would be ended and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// If a session is unknown or not ours.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let sessions = env.store.sessions()?;
    let mut report = Report { command: "stop".into(), dry_run: args.dry_run, ..Report::default() };
    let chosen: Vec<SessionRecord> = if args.all {
        sessions.records.iter().filter(|r| env.pool(r).is_some() && r.is_live()).cloned().collect()
    } else {
        let find = |name: &SessionName| {
            // One whose record is damaged can still be ended: what runs in it says whose it is.
            let damaged = || sessions.broken.iter().any(|b| b.name == name.as_str());
            let blank = || damaged().then(|| SessionRecord::new(name.clone(), Kind::Pool));
            sessions
                .get(name)
                .cloned()
                .or_else(blank)
                .ok_or_else(|| anyhow!("nothing is known of session `{name}`"))
                .hint("`claude-failover status` lists the sessions")
        };
        args.sessions.iter().map(find).collect::<Result<_>>()?
    };
    // All names are looked at before the first is ended.
    if let Some(theirs) = chosen.iter().find(|r| env.pool(r).is_none()) {
        return Err(anyhow!("session `{}` is dedicated: it is never ended", theirs.name))
            .hint("end it yourself, with /exit in the session");
    }
    let tmux = env.tmux();
    for record in &chosen {
        let task = record.lease.as_ref().map(|l| format!(", with task `{}`", l.task)).unwrap_or_default();
        if args.dry_run {
            report.actions.push(Item::new(&record.name, "would end", format!("its client{task}")));
            continue;
        }
        // One that does not end must not keep the others from ending, nor the report from being told.
        report.actions.push(match one(env, &tmux, record, args.keep_task) {
            Ok(why) => Item::new(&record.name, "ended", why),
            Err(e) => Item::error(&record.name, "not ended", &e),
        });
    }
    env.out.report(&report);
    Ok(report.exit())
}

fn one(env: &Env, tmux: &Tmux, record: &SessionRecord, keep_task: bool) -> Result<String> {
    let pool = env.pool(record).ok_or_else(|| anyhow!("session `{}` is not ours", record.name))?;
    let held = env.store.wait_session_lock(&record.name, "stop")?;
    env.not_being_moved(&record.name)?;
    // Whoever had the lock may have changed it.
    let record = &env.store.session(&record.name).ok().flatten().unwrap_or_else(|| record.clone());
    let mut why = match stop(env, tmux, &held, &pool, record, "a person asked for it")? {
        Ended::NotRunning => "no client ran in it",
        Ended::Gracefully => "its client has ended",
        Ended::Killed => "its client had to be killed",
    }
    .to_owned();
    if let (Some(lease), false) = (&record.lease, keep_task) {
        let ending = Ending {
            result: AttemptResult::Returned,
            reason: "the session was stopped",
            counted: false,
            retry: true,
            command: "stop",
        };
        end::attempt(env, record, lease, &ending)?;
        why.push_str(&format!(", task `{}` waits again", lease.task));
    }
    Ok(why)
}
