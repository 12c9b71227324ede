//! `stop`: ends the client of a pool session, and proves that it is gone.

use anyhow::{Result, anyhow};

use crate::act::end::{self, Ending};
use crate::act::stop::{Ended, stop};
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::name::SessionName;
use crate::model::report::{Item, Report};
use crate::model::session::SessionRecord;
use crate::model::task::AttemptResult;

/// End the client of a pool session
///
/// The turn is interrupted, the client asked to end, and only after a wait killed. A task that the
/// session has goes back to its inbox, or stays with `--keep-task`. Dedicated sessions are the
/// operator's: they are never ended.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sessions
    #[arg(required_unless_present = "all")]
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
        sessions.records.iter().filter(|r| r.as_pool().is_some() && r.client.is_some()).cloned().collect()
    } else {
        let find = |name: &SessionName| {
            sessions
                .get(name)
                .cloned()
                .ok_or_else(|| anyhow!("nothing is known of session `{name}`"))
                .hint("`claude-failover status` lists the sessions")
        };
        args.sessions.iter().map(find).collect::<Result<_>>()?
    };
    let tmux = env.tmux();
    for record in &chosen {
        let Some(pool) = record.as_pool() else {
            return Err(anyhow!("session `{}` is dedicated: it is never ended", record.name))
                .hint("end it yourself, with /exit in the session");
        };
        let task = record.lease.as_ref().map(|l| format!(", with task `{}`", l.task)).unwrap_or_default();
        if args.dry_run {
            report.actions.push(Item::new(&record.name, "would end", format!("its client{task}")));
            continue;
        }
        let how = match stop(env, &tmux, &pool, record, "a person asked for it")? {
            Ended::NotRunning => "no client ran in it",
            Ended::Gracefully => "its client has ended",
            Ended::Killed => "its client had to be killed",
        };
        let mut why = how.to_owned();
        if let (Some(lease), false) = (&record.lease, args.keep_task) {
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
        report.actions.push(Item::new(&record.name, "ended", why));
    }
    env.out.report(&report);
    Ok(report.exit())
}
