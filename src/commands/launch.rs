//! `launch`: starts the client of a session.

use anyhow::{Context, Result, anyhow, bail};
use std::path::PathBuf;

use crate::act::launch::{Spec, new_conversation, start, tmux_error};
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::front_matter::is_model;
use crate::model::name::{AccountName, ProjectName, SessionName};
use crate::model::report::{Item, Report};
use crate::model::session::{Kind, SessionRecord};
use crate::sys::tmux::TmuxError;
use crate::sys::{claude, paths, queue};

/// Start the client of a session
///
/// A dedicated session is launched in its configured project and continues its conversation if it
/// has one; a pool session needs `--project`. A session that runs already is left alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The session: a dedicated one of the configuration, or a name of the pool
    #[arg(required_unless_present = "all_dedicated")]
    session: Option<SessionName>,
    /// Every dedicated session of the configuration
    #[arg(long, conflicts_with_all = ["session", "project", "prompt", "resume", "new"])]
    all_dedicated: bool,
    /// The project's name or directory (pool sessions)
    #[arg(long)]
    project: Option<String>,
    /// The account to launch on (default: the session's own, else the active one)
    #[arg(long)]
    account: Option<AccountName>,
    /// The model to launch with
    #[arg(long)]
    model: Option<String>,
    /// A first prompt
    #[arg(long)]
    prompt: Option<String>,
    /// Continue this conversation
    #[arg(long, value_name = "UUID", conflicts_with = "new")]
    resume: Option<uuid::Uuid>,
    /// Begin a new conversation even if the session has one
    #[arg(long)]
    new: bool,
    /// Print what would be launched and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// If the session is unknown or its client cannot be started.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let names: Vec<SessionName> = match &args.session {
        Some(name) => vec![name.clone()],
        None => env.config.dedicated.iter().map(|d| d.name.clone()).collect(),
    };
    let mut report = Report { command: "launch".into(), dry_run: args.dry_run, ..Report::default() };
    let tmux = env.tmux();
    for name in &names {
        let done = one(env, args, name, &tmux);
        if args.session.is_some() {
            report.actions.push(done?);
            continue;
        }
        // One that does not start must not keep the others from starting.
        report.actions.push(done.unwrap_or_else(|e| Item::error(name, "not launched", &e)));
    }
    env.out.report(&report);
    Ok(report.exit())
}

fn one(env: &Env, args: &Args, name: &SessionName, tmux: &crate::sys::tmux::Tmux) -> Result<Item> {
    let record = env.store.session(name)?;
    let spec = spec(env, args, name, record.as_ref())?;
    let snapshot = tmux.snapshot().map_err(tmux_error)?;
    let known = record.as_ref().and_then(|r| r.client.as_ref()).map(|c| c.pid);
    if let Some(pane) = snapshot.pane(name, known).filter(|p| !p.dead) {
        if known != Some(pane.pid) && !claude::is_of_session(pane.pid, name, env.store.root()) {
            let taken = TmuxError::Taken { session: name.to_string(), pid: pane.pid, ours: false };
            return Err(tmux_error(taken));
        }
        let asked = args.prompt.is_some() || args.project.is_some() || args.resume.is_some();
        if asked || args.new || args.model.is_some() || args.account.is_some() {
            return Err(anyhow!("session `{name}` runs already (pid {}), and nothing was sent to it", pane.pid))
                .hint(format!("claude-failover stop {name}, then launch it; or `task add` for work"));
        }
        return Ok(Item::new(name, "runs already", format!("pid {}, in pane {}", pane.pid, pane.id.as_str())));
    }
    if let Some(lease) = record.as_ref().and_then(|r| r.lease.as_ref()) {
        return Err(anyhow!("session `{name}` has task `{}`", lease.task))
            .hint("`claude-failover watch` brings it back with its task");
    }
    let how = if spec.resume { "continues" } else { "new conversation" };
    let why = format!("{how} {} on `{}` in `{}`", spec.conversation, spec.account, spec.cwd.display());
    if args.dry_run {
        return Ok(Item::new(name, "would launch", why));
    }
    let held = env.store.wait_session_lock(name, "launch")?;
    env.not_being_moved(name)?;
    let client = start(env, tmux, &held, &spec)?;
    if spec.prompt.is_none() {
        env.store.lock()?.update_session(name, |r| {
            r.revivals = 0;
            r.not_before = None;
        })?;
    }
    Ok(Item::new(name, "launched", format!("pid {}, {why}", client.pid)))
}

fn spec(env: &Env, args: &Args, name: &SessionName, record: Option<&SessionRecord>) -> Result<Spec> {
    let dedicated = env.config.dedicated(name);
    let kind = match dedicated {
        Some(_) => Kind::Dedicated,
        None if env.config.pool.names().contains(name) => Kind::Pool,
        None => {
            return Err(anyhow!("no session `{name}` in the configuration"))
                .hint("name it under `pool.dedicated`, or use a name of the pool");
        }
    };
    if let Some(model) = &args.model
        && !is_model(model)
    {
        bail!("not a model name: `{}`", crate::model::name::shown(model));
    }
    let (cwd, project) = place(env, args, dedicated.map(|d| d.project.clone()), record)?;
    let account =
        args.account.clone().or_else(|| dedicated.and_then(|d| d.account.clone())).unwrap_or_else(|| env.active());
    let home = env.config.account(&account).map(|a| a.home.clone());
    let home = home.ok_or_else(|| anyhow!("no account `{account}` in the configuration"))?;
    let known = record.filter(|r| r.cwd.as_deref() == Some(&cwd)).and_then(|r| r.conversation.clone());
    let asked = args.resume.map(|id| id.to_string());
    let told = record.and_then(|r| r.digest.transcript.as_deref());
    // Only a conversation that has a transcript can be continued.
    let exists = |id: &String| {
        claude::transcript(&home, told, id).map(|t| t.is_some()).context("could not look for the conversation")
    };
    let (conversation, resume) = match (asked, known) {
        (Some(id), _) => {
            anyhow::ensure!(exists(&id)?, "no conversation `{id}` under `{}`", home.join("projects").display());
            (id, true)
        }
        (None, Some(id)) if !args.new && exists(&id)? => (id, true),
        _ => (new_conversation(), false),
    };
    Ok(Spec {
        session: name.clone(),
        kind,
        cwd,
        project,
        account,
        model: args
            .model
            .clone()
            .or_else(|| dedicated.and_then(|d| d.model.clone()))
            .or_else(|| if kind == Kind::Pool { env.config.client.model.clone() } else { None }),
        conversation,
        resume,
        prompt: args.prompt.clone(),
        why: "a person asked for it".to_owned(),
    })
}

/// Where the client runs: the configured directory of a dedicated session, else `--project`, else
/// where the session was before.
fn place(
    env: &Env,
    args: &Args,
    dedicated: Option<PathBuf>,
    record: Option<&SessionRecord>,
) -> Result<(PathBuf, Option<ProjectName>)> {
    let projects = queue::projects(&env.config);
    let cwd = match (dedicated, &args.project) {
        (Some(_), Some(_)) => bail!("a dedicated session runs in its configured project"),
        (Some(path), None) => path,
        (None, Some(text)) => match projects.iter().find(|p| p.name.as_str() == text) {
            Some(project) => project.path.clone(),
            None => paths::absolute_path(text.as_ref())?,
        },
        (None, None) => record
            .and_then(|r| r.cwd.clone())
            .ok_or_else(|| anyhow!("no project is given"))
            .hint("name one with `--project`")?,
    };
    let project = projects.iter().find(|p| p.path == cwd).map(|p| p.name.clone());
    Ok((cwd, project))
}
