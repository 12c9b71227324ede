//! `status`: what is. What needs a person comes first.

use anstyle::Style;
use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};

use super::log::head;
use super::quota_check::{explain, words_of};
use crate::act::status::gather;
use crate::env::{Env, local, short};
use crate::error::{Exit, Mark};
use crate::model::metrics;
use crate::model::observe::words;
use crate::model::report::Report;
use crate::model::session::{Kind, State};
use crate::model::status::{Need, ProjectStatus, STATUS_VERSION, SessionStatus, Status};
use crate::output::{BAD, FAINT, GOOD, STRONG, WARN, cut, styled, table};
use crate::sys::{atomic, paths};

/// Show sessions, queues and what needs a person
///
/// With `-q` it prints one number: how many things need a person.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trust the records of the last `watch` instead of asking tmux
    #[arg(long)]
    cached: bool,
    /// Write Prometheus metrics to FILE instead, for a textfile collector (`-`: stdout)
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let status = gather(env, args.cached)?;
    if let Some(file) = &args.prometheus {
        return publish(env, file, &metrics::render(&status));
    }
    if env.out.json {
        // By way of a value: its keys are sorted, as they have always been.
        env.out.object(&serde_json::to_value(&status)?);
    } else if env.out.quiet {
        env.out.text(&status.needs_person.len().to_string());
    } else {
        env.out.text(&text(env, &status));
    }
    Ok(Exit::Done)
}

/// Writes a view of the status for another program to read: it sees the old one or the new one, never half of it.
fn publish(env: &Env, file: &Path, text: &str) -> Result<Exit> {
    if file == Path::new("-") {
        env.out.text(text);
        return Ok(Exit::Done);
    }
    let file = paths::absolute_path(file)?;
    // Replacing a device, a socket or a link by a file is nothing that anybody wants.
    if file.symlink_metadata().is_ok_and(|m| !m.is_file()) {
        return Err(anyhow!("not a regular file: `{}`", file.display())).hint("`-` writes to stdout");
    }
    {
        // What a killed run left beside it goes under the lock that every run takes.
        let _locked = env.store.lock()?;
        atomic::sweep_temp_of(&file);
        // Others read it: the umask says who.
        atomic::write_mode(&file, text.as_bytes(), 0o644)
            .with_context(|| format!("could not publish `{}`", file.display()))?;
    }
    if env.out.json {
        env.out.object(&serde_json::json!({ "version": STATUS_VERSION, "written": file }));
    }
    Ok(Exit::Done)
}

/// The colour of a state.
#[must_use]
pub fn state_style(state: State) -> Style {
    match state {
        State::Working => GOOD,
        State::Idle | State::Starting => Style::new(),
        State::Waiting | State::Limited | State::Unknown => WARN,
        State::Stalled | State::Dead => BAD,
    }
}

fn text(env: &Env, status: &Status) -> String {
    let mut out = String::new();
    needs(&status.needs_person, &mut out);
    sessions(env, &status.sessions, &mut out);
    let (running, max) = (status.pool.running, status.pool.max);
    let active = &status.active_account;
    out.push_str(&format!("pool: {running} of {max} sessions run, new ones on account `{active}`\n\n"));
    accounts(env, status, &mut out);
    projects(&status.projects, &mut out);
    let reasons = Report { waiting: status.waiting.clone(), ..Report::default() };
    for alike in reasons.alike() {
        if let Some(first) = alike.first().filter(|i| i.verb == "waits") {
            let tasks = if alike.len() == 1 { first.subject.clone() } else { format!("{} tasks", alike.len()) };
            out.push_str(&format!("{}\n", styled(FAINT, format!("{tasks}: {}", first.reason))));
        }
    }
    let ran = |command: &str, at: Option<jiff::Timestamp>| match at {
        Some(at) => format!("{command} ran {} ago", words(env.now.duration_since(at))),
        None => format!("{command} has never run"),
    };
    let last = &status.last_run;
    let (dispatch, watch) = (ran("dispatch", last.dispatch), ran("watch", last.watch));
    let foot = format!("{} · {dispatch} · {watch}", local(env.now, &env.zone));
    out.push_str(&styled(FAINT, foot));
    out.push('\n');
    out
}

fn needs(needs: &[Need], out: &mut String) {
    if needs.is_empty() {
        return;
    }
    out.push_str(&format!("{}\n", styled(STRONG, format!("needs a person ({})", needs.len()))));
    for need in needs {
        out.push_str(&format!("  {} {}\n", styled(WARN, &need.subject), need.what));
        if let Some(hint) = &need.hint {
            out.push_str(&format!("    hint: {hint}\n"));
        }
    }
    out.push('\n');
}

fn sessions(env: &Env, all: &[SessionStatus], out: &mut String) {
    let live: Vec<&SessionStatus> = all.iter().filter(|s| s.is_live()).collect();
    let mut rows = vec![["SESSION", "STATE", "SINCE", "TASK", "PROJECT", "ACCOUNT"].map(str::to_owned).to_vec()];
    for s in &live {
        let name = if s.kind == Kind::Dedicated { format!("{} (dedicated)", s.name) } else { s.name.to_string() };
        let task = s.lease.as_ref().map_or_else(
            || "-".to_owned(),
            |l| match l.attempt {
                1 => l.task.id.to_string(),
                n => format!("{} (attempt {n})", l.task.id),
            },
        );
        let place = s.cwd.as_ref().map_or_else(|| "-".to_owned(), |p| short(p, &env.config.home));
        rows.push(vec![
            name,
            s.state.to_string(),
            words(env.now.duration_since(s.since)),
            cut(&task, 40),
            s.project.as_ref().map_or(place, ToString::to_string),
            s.account.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        ]);
    }
    if live.is_empty() {
        out.push_str("no session runs\n");
        return;
    }
    out.push_str(&table(&rows, &|r, c| match (r.checked_sub(1).and_then(|r| live.get(r)), c) {
        (None, _) => STRONG,
        (Some(s), 1) => state_style(s.state),
        (_, 2) => FAINT,
        _ => Style::new(),
    }));
}

fn accounts(env: &Env, status: &Status, out: &mut String) {
    for account in &status.accounts {
        let active = account.name == status.active_account;
        out.push_str(&explain::account(env, account, active, None));
        for why in &account.obstacles {
            out.push_str(&format!("  {why}\n"));
        }
    }
    if status.accounts.len() > 1 {
        out.push_str(&format!("{}\n", words_of(env, &status.decision.verdict)));
    }
    if let Some(last) = &status.last_switch {
        out.push_str(&styled(FAINT, format!("last switch: {}", head(env, last))));
        out.push('\n');
    }
    out.push('\n');
}

fn projects(all: &[ProjectStatus], out: &mut String) {
    let mut rows = vec![["PROJECT", "WAITING", "CLAIMED", "DONE", "FAILED"].map(str::to_owned).to_vec()];
    let mut quiet = 0;
    for p in all {
        // Two hundred projects in which nothing is to be done are one line.
        if all.len() > 20 && p.waiting + p.claimed == 0 {
            quiet += 1;
            continue;
        }
        let counts = [p.waiting, p.claimed, p.done, p.failed].map(|n| n.to_string());
        rows.push(std::iter::once(p.project.to_string()).chain(counts).collect());
    }
    if rows.len() > 1 {
        out.push_str(&table(&rows, &|r, _| if r == 0 { STRONG } else { Style::new() }));
    }
    if quiet > 0 {
        out.push_str(&format!("{quiet} more projects with nothing to do\n"));
    } else if rows.len() == 1 {
        out.push_str("no projects\n");
    }
}
