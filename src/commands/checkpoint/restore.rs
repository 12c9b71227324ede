//! `checkpoint restore`: a session brought back.

use anyhow::Result;

use super::find;
use crate::act::restore::{Wish, prepare, restore};
use crate::env::Env;
use crate::error::Exit;
use crate::model::checkpoint::CheckpointId;
use crate::model::checkpoint::restore::{First, Plan};
use crate::model::name::{AccountName, SessionName};
use crate::model::report::{Item, Report};

/// Bring a session back from a checkpoint
///
/// Its client is launched in the same directory with the same model, and its conversation resumed where it ended.
/// Where the client does not find the conversation, a new one begins from a summary of the checkpoint, and that is
/// said. Files and branches stay as they are. A session that runs is left alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session
    session: SessionName,
    /// From which checkpoint (default: the newest)
    id: Option<CheckpointId>,
    /// On this account (default: the one that it was on)
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<AccountName>,
    /// Begin a new conversation from a summary, even if the old one could be resumed
    #[arg(long)]
    new: bool,
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// If there is no such checkpoint, the session runs or has other work, or its client cannot be started.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let name = &args.session;
    let checkpoint = find(env, name, args.id.as_ref())?;
    let was_on = checkpoint.account.clone().filter(|account| env.config.account(account).is_some());
    let wish = Wish {
        account: args.account.clone().or(was_on).unwrap_or_else(|| env.active()),
        checkpoint,
        anew: args.new,
    };
    let tmux = env.tmux();
    let mut report = Report { command: "checkpoint restore".into(), dry_run: args.dry_run, ..Report::default() };
    // A delivery or a switch that is under way is waited for; what is decided is decided behind it.
    let held = match args.dry_run {
        true => None,
        false => Some(env.store.wait_session_lock(name, "checkpoint restore")?),
    };
    env.not_being_moved(name)?;
    let plan = prepare(env, &tmux, &wish, env.store.session(name)?.as_ref())?;
    let from = format!("from checkpoint {} on `{}`", wish.checkpoint.id, wish.account);
    report.waiting.extend(plan.notes.iter().map(|note| Item::new(name, "note", note.clone())));
    report.actions.push(match held {
        None => {
            let verb = if plan.anew.is_some() { "would be begun anew" } else { "would be restored" };
            Item::new(name, verb, format!("{from}: {}", would(&plan, &wish)))
        }
        Some(held) => {
            let done = restore(env, &tmux, &held, &wish, &plan)?;
            let silent = if done.silent { "; its client has not reported its start yet" } else { "" };
            let (verb, how) = match &done.anew {
                None => ("restored", format!("its conversation {} goes on", done.conversation)),
                Some(why) => {
                    let new = format!("a NEW conversation {} begins from a summary", done.conversation);
                    ("begun anew", format!("{new}, since {why}"))
                }
            };
            Item::new(name, verb, format!("{from} (pid {}): {how}{silent}", done.pid))
        }
    });
    env.out.report(&report);
    Ok(report.exit())
}

fn would(plan: &Plan, wish: &Wish) -> String {
    let how = match &plan.anew {
        None => {
            format!("its conversation {} goes on", wish.checkpoint.conversation.as_deref().unwrap_or_default())
        }
        Some(why) => format!("a NEW conversation begins from a summary, since {why}"),
    };
    let first = match plan.first {
        First::Nothing => "it waits for whoever comes",
        First::CarryOn => "it is told to carry on",
        First::Task => "it is told to carry on with its task",
        First::SummaryAndWait => "it reads the summary and waits",
        First::SummaryAndCarryOn => "it reads the summary and carries on",
        First::TaskAndSummary => "it is given its task again, with the summary",
    };
    format!("{how}, and {first}")
}
