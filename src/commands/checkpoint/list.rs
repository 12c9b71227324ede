//! `checkpoint list`: which there are, the newest first.

use anyhow::{Result, anyhow};

use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::checkpoint::{Checkpoint, CheckpointId};
use crate::model::name::SessionName;
use crate::output::{BAD, FAINT, STRONG, table};

/// List the checkpoints, the newest of each session first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those of this session
    session: Option<SessionName>,
}

/// Runs the command.
///
/// # Errors
/// If they cannot be listed, or there is none of the session that was named.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let sessions = match &args.session {
        Some(name) => vec![name.clone()],
        None => env.store.checkpointed()?,
    };
    let mut found: Vec<(SessionName, CheckpointId, Result<Checkpoint>)> = Vec::new();
    for session in sessions {
        for id in env.store.checkpoints(&session)?.into_iter().rev() {
            // One may have expired between the listing and the look.
            if let Some(read) = env.store.checkpoint(&session, &id).transpose() {
                found.push((session.clone(), id, read));
            }
        }
    }
    if let (Some(name), true) = (&args.session, found.is_empty()) {
        return Err(anyhow!("no checkpoint of session `{name}`"))
            .hint("`claude-failover checkpoint` takes them; without a name all are listed");
    }
    if env.out.json {
        let entry = |(session, id, read): &(SessionName, CheckpointId, Result<Checkpoint>)| match read {
            Ok(checkpoint) => serde_json::to_value(checkpoint).unwrap_or_default(),
            Err(e) => serde_json::json!({ "session": session, "id": id, "error": format!("{e:#}") }),
        };
        let all: Vec<_> = found.iter().map(entry).collect();
        env.out.object(&serde_json::json!({ "version": 1, "checkpoints": all }));
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        env.out.text("no checkpoint was taken yet\n");
        return Ok(Exit::Done);
    }
    let head = ["SESSION", "CHECKPOINT", "TAKEN", "STATE", "ACCOUNT", "TASK", "BRANCH", "CONTEXT"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|(session, id, read)| row(env, session, id, read)));
    let is_broken: Vec<bool> =
        std::iter::once(false).chain(found.iter().map(|(_, _, read)| read.is_err())).collect();
    env.out.text(&table(&rows, &|r, c| match (r, c) {
        (0, _) => FAINT,
        _ if is_broken.get(r) == Some(&true) => BAD,
        (_, 0) => STRONG,
        _ => anstyle::Style::new(),
    }));
    Ok(Exit::Done)
}

fn row(env: &Env, session: &SessionName, id: &CheckpointId, read: &Result<Checkpoint>) -> Vec<String> {
    let mut row = vec![session.to_string(), id.to_string()];
    match read {
        Ok(made) => {
            let dash = || "-".to_owned();
            row.push(local(made.at, &env.zone));
            row.push(made.state.to_string());
            row.push(made.account.as_ref().map_or_else(dash, ToString::to_string));
            row.push(made.task.as_ref().map_or_else(dash, |held| held.task.to_string()));
            row.push(made.git.as_ref().and_then(|git| git.branch.clone()).unwrap_or_else(dash));
            row.push(made.context.map_or_else(dash, |context| match context.percent {
                Some(percent) => format!("{percent} %"),
                None => format!("{} tokens", context.tokens),
            }));
        }
        Err(e) => row.extend(["-".to_owned(), format!("damaged: {e:#}")]),
    }
    row
}
