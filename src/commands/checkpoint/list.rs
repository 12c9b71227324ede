//! `checkpoint list`: which there are, the newest first, and why each is kept.

use anyhow::{Result, anyhow};

use crate::act::checkpoint::rule;
use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::checkpoint::retention::{Verdict, retention};
use crate::model::checkpoint::{Checkpoint, CheckpointId};
use crate::model::name::SessionName;
use crate::output::{BAD, FAINT, STRONG, table};

/// List the checkpoints, the newest of each session first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those of this session
    session: Option<SessionName>,
}

/// One of them.
struct Listed {
    session: SessionName,
    id: CheckpointId,
    verdict: Verdict,
    read: Result<Checkpoint>,
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
    let mut found: Vec<Listed> = Vec::new();
    for session in sessions {
        match env.store.checkpoints(&session) {
            Ok(ids) => found.extend(of(env, &session, &ids)),
            // What lies in the way of one session hides none of the others.
            Err(e) if args.session.is_none() => env.out.warn(&format!("{e:#}")),
            Err(e) => return Err(e),
        }
    }
    if let (Some(name), true) = (&args.session, found.is_empty()) {
        return Err(anyhow!("no checkpoint of session `{name}`"))
            .hint("`claude-failover checkpoint` takes them; without a name all are listed");
    }
    if env.out.json {
        let all: Vec<_> = found.iter().map(json).collect();
        env.out.object(&serde_json::json!({ "version": 1, "checkpoints": all }));
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        env.out.text("no checkpoint was taken yet\n");
        return Ok(Exit::Done);
    }
    let head = ["SESSION", "CHECKPOINT", "TAKEN", "STATE", "ACCOUNT", "TASK", "BRANCH", "CONTEXT", "KEPT AS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|listed| row(env, listed)));
    env.out.text(&table(&rows, &|r, c| match (r.checked_sub(1).and_then(|n| found.get(n)), c) {
        (None, _) => FAINT,
        (Some(Listed { read: Err(_), .. }), _) => BAD,
        (_, 0) => STRONG,
        _ => anstyle::Style::new(),
    }));
    Ok(Exit::Done)
}

fn of(env: &Env, session: &SessionName, ids: &[CheckpointId]) -> Vec<Listed> {
    let listed = |(id, verdict): (CheckpointId, Verdict)| {
        // One may have expired between the listing and the look.
        let read = env.store.checkpoint(session, &id).transpose()?;
        Some(Listed { session: session.clone(), id, verdict, read })
    };
    retention(ids, rule(env), &env.zone, env.now).into_iter().filter_map(listed).collect()
}

fn json(listed: &Listed) -> serde_json::Value {
    let mut value = match &listed.read {
        Ok(made) => serde_json::to_value(made).unwrap_or_default(),
        Err(e) => {
            serde_json::json!({ "session": listed.session, "id": listed.id, "error": format!("{e:#}") })
        }
    };
    value["kept_as"] = listed.verdict.to_string().into();
    value
}

fn row(env: &Env, listed: &Listed) -> Vec<String> {
    let mut row = vec![listed.session.to_string(), listed.id.to_string()];
    match &listed.read {
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
            row.push(listed.verdict.to_string());
        }
        Err(e) => row.extend(["-".to_owned(), format!("damaged: {e:#}")]),
    }
    row
}
