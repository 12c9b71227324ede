//! `log`: what was. Each switch step by step, and everything else that was changed.

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::journal::Journal;
use crate::model::log::{Filter, since};
use crate::model::observe::words;
use crate::output::{FAINT, STRONG, cut, styled};
use crate::sys::reader::End;

/// Show what was changed, and each switch step by step
///
/// Without arguments the newest lines of the log. `log switches` lists the switches, `log switches ID`
/// shows one of them step by step (`last` for the newest). With `-f` it goes on until Ctrl-C, or until nobody
/// reads; with `--json` one object a line then.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// How many lines (default 30; with `--since` all)
    #[arg(short = 'n', long)]
    lines: Option<usize>,
    /// Only what is about this session, task, account or project
    #[arg(long, value_name = "NAME")]
    about: Option<String>,
    /// Only what is about this session
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Only what is about this task: ID or PROJECT:ID
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Only what is about this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only what is about this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only what this command did: `dispatch`, `watch`, `switch`
    #[arg(long = "by", visible_alias = "command", value_name = "COMMAND")]
    command: Option<String>,
    /// Only what says this of what was done: `dispatched`, `resumed`
    #[arg(long = "what", value_name = "WORDS")]
    says: Option<String>,
    /// Only what is not older: `2h`, `3d`, `18:00`, `2026-01-31 18:00`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Go on with what is done from now on
    #[arg(short, long)]
    follow: bool,
    /// Only what the guard has blocked or warned of
    #[arg(long)]
    guard: bool,
}

/// How often the log is looked at while it is followed.
const PACE: Duration = Duration::from_millis(250);

/// The most lines that are kept in memory.
const MOST: usize = 100_000;

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The switches, or one of them step by step
    Switches {
        /// Its name, or `last`
        id: Option<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read, or a time cannot.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    match &args.what {
        None => lines(env, args)?,
        Some(What::Switches { id: None }) => switches(env, args.lines.unwrap_or(NEWEST))?,
        Some(What::Switches { id: Some(id) }) => one(env, id)?,
    }
    Ok(Exit::Done)
}

/// So many lines are shown unless another number is asked for.
const NEWEST: usize = 30;

fn filter(env: &Env, args: &Args) -> Result<Filter> {
    let since = match &args.since {
        None => None,
        Some(text) => Some(time(env, text)?),
    };
    Ok(Filter {
        about: args.about.clone(),
        session: args.session.clone(),
        task: args.task.clone(),
        account: args.account.clone(),
        project: args.project.clone(),
        command: args.command.clone(),
        what: args.says.clone(),
        since,
        guard: args.guard,
    })
}

/// A time as people write it.
///
/// # Errors
/// If it is none.
pub fn time(env: &Env, text: &str) -> Result<Timestamp> {
    since(text, env.now, &env.zone)
        .ok_or_else(|| anyhow!("not a time: `{}`", crate::model::name::shown(text)))
        .hint("write `2h`, `3d`, `18:00`, `2026-01-31 18:00` or `2026-01-31T18:00:00Z`")
        .exit(Exit::Usage)
}

fn lines(env: &Env, args: &Args) -> Result<()> {
    let filter = filter(env, args)?;
    let most = args.lines.unwrap_or(if filter.since.is_some() { MOST } else { NEWEST }).min(MOST);
    // Taken before what is there is read: nothing that comes meanwhile is missed.
    let mut follow = args.follow.then(|| env.store.follow());
    let end = args.follow.then(End::listen);
    let found = env.store.log(most, filter.since, |line| filter.wants(line));
    if env.out.json && !args.follow {
        env.out.object(&serde_json::json!({ "version": 1, "lines": found }));
        return Ok(());
    }
    let tell = |line: &Value| {
        env.out.text(&if env.out.json { line.to_string() } else { of_line(env, line) });
    };
    found.iter().for_each(tell);
    let (Some(follow), Some(end)) = (&mut follow, end) else {
        if found.is_empty() {
            let nothing =
                if args.guard { "nothing was blocked or warned of yet" } else { "nothing was changed yet" };
            let is_all = filter == Filter { guard: args.guard, ..Filter::default() };
            env.out.text(if is_all { nothing } else { "nothing of that kind was changed" });
        }
        return Ok(());
    };
    let mut fresh = found;
    loop {
        for line in follow.more().iter().filter(|line| filter.wants(line)) {
            // What came between the two first looks was told already.
            match fresh.iter().position(|told| told == line) {
                Some(n) => drop(fresh.swap_remove(n)),
                None => tell(line),
            }
        }
        fresh.clear();
        if end.within(PACE) {
            return Ok(());
        }
    }
}

fn of_line(env: &Env, line: &Value) -> String {
    let text = |key: &str| line[key].as_str().map(|t| cut(t, 300)).unwrap_or_default();
    let at = line["at"].as_str().and_then(|t| t.parse().ok());
    let at = at.map_or_else(|| text("at"), |at| local(at, &env.zone));
    let keys = ["session", "task", "account", "project"];
    let subject: Vec<String> = keys.iter().map(|key| text(key)).filter(|t| !t.is_empty()).collect();
    let input = line["guard"]["input"].as_str().map(|t| format!(": {}", cut(t, 200))).unwrap_or_default();
    let subject = match subject.is_empty() {
        true => String::new(),
        false => format!(" {}", styled(STRONG, subject.join(" "))),
    };
    let head = styled(FAINT, format!("{at} {}", text("command")));
    format!("{head}: {}{subject}{input} ({})\n", text("what"), text("why"))
}

fn switches(env: &Env, most: usize) -> Result<()> {
    let mut found = Vec::new();
    for id in env.store.past_switches()?.iter().rev().take(most) {
        match env.store.past_switch(id) {
            Ok(Some(journal)) => found.push(journal),
            Ok(None) => {}
            Err(e) => env.out.warn(&format!("{e:#}")),
        }
    }
    if let Some(current) = env.store.journal()? {
        found.insert(0, current);
    }
    if env.out.json {
        env.out.object(&serde_json::json!({ "version": 1, "switches": found }));
        return Ok(());
    }
    let mut out = String::new();
    for journal in &found {
        out.push_str(&format!("{}\n  {}\n", head(env, journal), styled(FAINT, &journal.id)));
    }
    env.out.text(if out.is_empty() { "no switch was made yet\n" } else { &out });
    Ok(())
}

/// A switch in one line.
#[must_use]
pub fn head(env: &Env, journal: &Journal) -> String {
    use crate::model::journal::Stage;
    let count = |stage: Stage| journal.moves.iter().filter(|m| m.stage == stage).count();
    let state = match journal.ended {
        Some(ended) => format!("took {}", words(ended.duration_since(journal.begun))),
        None => "under way".to_owned(),
    };
    let mut parts = vec![format!("{} moved", count(Stage::Done))];
    for (stage, what) in [(Stage::Deferred, "deferred"), (Stage::Failed, "failed")] {
        if count(stage) > 0 {
            parts.push(format!("{} {what}", count(stage)));
        }
    }
    format!(
        "{} `{}` to `{}`: {} ({}; {state})",
        local(journal.begun, &env.zone),
        journal.from,
        journal.to,
        journal.why,
        parts.join(", ")
    )
}

fn one(env: &Env, id: &str) -> Result<()> {
    let all = env.store.past_switches()?;
    let current = env.store.journal()?;
    let journal = match (id, current, all.last()) {
        ("last", Some(current), _) => Some(current),
        ("last", None, Some(last)) => env.store.past_switch(last)?,
        (_, Some(current), _) if current.id == id => Some(current),
        // Only a name that was listed becomes part of a path.
        _ if all.iter().any(|known| known == id) => env.store.past_switch(id)?,
        _ => None,
    };
    let journal = journal
        .ok_or_else(|| anyhow!("no switch of this name: `{}`", crate::model::name::shown(id)))
        .hint("`claude-failover log switches` lists them")?;
    if env.out.json {
        env.out.object(&journal);
        return Ok(());
    }
    let mut out = format!("{}\n", styled(STRONG, head(env, &journal)));
    for step in &journal.steps {
        let session = step.session.as_ref().map(|s| format!("{s} ")).unwrap_or_default();
        let after = step.at.duration_since(journal.begun);
        let after = match after.as_secs() {
            0..60 => format!("{:.1}s", after.as_secs_f64()),
            _ => words(after),
        };
        out.push_str(&format!("  {} {session}{}\n", styled(FAINT, format!("+{after:>5}")), cut(&step.what, 200)));
    }
    env.out.text(&out);
    Ok(())
}
