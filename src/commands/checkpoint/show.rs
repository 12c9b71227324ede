//! `checkpoint show`: all that one holds.

use anyhow::Result;

use super::find;
use crate::env::{Env, local};
use crate::error::Exit;
use crate::model::checkpoint::{CheckpointId, ToolCall, summary};
use crate::model::name::{SessionName, printable};
use crate::output::{FAINT, STRONG, styled};

/// Show all that a checkpoint holds
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session
    session: SessionName,
    /// Which one (default: the newest)
    id: Option<CheckpointId>,
    /// Print what a new conversation would be told of it
    #[arg(long)]
    summary: bool,
}

/// Runs the command.
///
/// # Errors
/// If there is no such checkpoint, or its file cannot be used.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let made = find(env, &args.session, args.id.as_ref())?;
    if args.summary {
        let page = summary::page(&made);
        if env.out.json {
            env.out.object(&serde_json::json!({ "version": 1, "summary": page }));
        } else {
            env.out.text(&page);
        }
        return Ok(Exit::Done);
    }
    if env.out.json {
        env.out.object(&made);
        return Ok(Exit::Done);
    }
    let mut out = format!(
        "{} {}\n",
        styled(STRONG, format!("{} {}", made.session, made.id)),
        styled(FAINT, format!("taken {} by `{}`", local(made.at, &env.zone), made.by))
    );
    let mut line = |what: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            // Model, paths, screen: others have chosen them.
            out.push_str(&format!("  {:14}{}\n", format!("{what}:"), printable(&text)));
        }
    };
    let state =
        if made.carry_on { format!("{}, in the middle of something", made.state) } else { made.state.to_string() };
    line("state", Some(if made.evidence.is_empty() { state } else { format!("{state} ({})", made.evidence) }));
    let task = made.task.as_ref();
    line("task", task.map(|t| format!("{}, attempt {}, {}", t.task, t.attempt, t.phase.as_str())));
    line("account", made.account.as_ref().map(ToString::to_string));
    line("model", made.model.clone());
    line("flags", Some(made.flags.join(" ")));
    line("conversation", made.conversation.clone());
    line("transcript", made.transcript.as_ref().map(|t| format!("{} ({} bytes)", t.path.display(), t.size)));
    let last = made.transcript.as_ref().and_then(|t| t.last.as_ref());
    line(
        "last record",
        last.map(|last| match last.at {
            Some(at) => format!("{} at {}", last.kind, local(at, &env.zone)),
            None => last.kind.clone(),
        }),
    );
    line("last prompt", Some(made.prompt.clone()));
    line("last words", Some(made.said.clone()));
    line("last tool", made.tool.as_ref().map(ToolCall::line));
    line(
        "context",
        made.context.map(|context| {
            let size = context.size.map(|size| format!(" of {size}")).unwrap_or_default();
            let percent = context.percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
            format!("{}{size} tokens{percent}", context.tokens)
        }),
    );
    line("directory", made.cwd.as_ref().map(|dir| dir.display().to_string()));
    if let Some(git) = &made.git {
        let head = git.head.as_deref().map(|head| format!(" at {head}")).unwrap_or_default();
        line("branch", Some(format!("{}{head}", git.branch.as_deref().unwrap_or("none"))));
        line("not committed", git.dirty_count.map(|count| format!("{count} files")));
        for file in &git.dirty {
            line("", Some(file.clone()));
        }
        line("git", git.unseen.clone());
    }
    for unseen in &made.unseen {
        line("not seen", Some(unseen.clone()));
    }
    if !made.pane.is_empty() {
        out.push_str(&format!("  {}\n", styled(FAINT, "screen:")));
        for text in &made.pane {
            out.push_str(&format!("  {} {}\n", styled(FAINT, "│"), printable(text)));
        }
    }
    env.out.text(&out);
    Ok(Exit::Done)
}
