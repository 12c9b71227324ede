//! `log`: what was. Each switch step by step, and everything else that was changed.

use anyhow::{Result, anyhow};
use serde_json::Value;

use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::journal::Journal;
use crate::model::observe::words;
use crate::output::{FAINT, STRONG, cut, styled};

/// Show what was changed, and each switch step by step
///
/// Without arguments the newest lines of the log. `log switches` lists the switches, `log switches ID`
/// shows one of them step by step (`last` for the newest).
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// How many lines
    #[arg(short = 'n', long, default_value_t = 30)]
    lines: usize,
    /// Only what is about this session, task, account or project
    #[arg(long, value_name = "NAME")]
    about: Option<String>,
    /// Only what the guard has blocked or warned of
    #[arg(long)]
    guard: bool,
}

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
/// If the state cannot be read.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    match &args.what {
        None => lines(env, args),
        Some(What::Switches { id: None }) => switches(env, args.lines)?,
        Some(What::Switches { id: Some(id) }) => one(env, id)?,
    }
    Ok(Exit::Done)
}

fn lines(env: &Env, args: &Args) {
    let about = |line: &Value| {
        args.about.as_ref().is_none_or(|name| {
            let is = |key: &str| {
                line[key]
                    .as_str()
                    .is_some_and(|v| v == name || v.split_once(':').is_some_and(|(_, id)| id == name))
            };
            is("session") || is("task") || is("account") || is("project")
        })
    };
    let found = env.store.log(args.lines, |line| about(line) && (!args.guard || line["command"] == "guard"));
    if env.out.json {
        return env.out.object(&serde_json::json!({ "version": 1, "lines": found }));
    }
    let mut out = String::new();
    for line in &found {
        let text = |key: &str| line[key].as_str().map(|t| cut(t, 300)).unwrap_or_default();
        let at = line["at"].as_str().and_then(|t| t.parse().ok());
        let at = at.map_or_else(|| text("at"), |at| local(at, &env.zone));
        let subject: Vec<String> = ["session", "task", "account", "project"]
            .iter()
            .map(|key| text(key))
            .filter(|t| !t.is_empty())
            .collect();
        let input = line["guard"]["input"].as_str().map(|t| format!(": {}", cut(t, 200))).unwrap_or_default();
        out.push_str(&format!(
            "{} {} {}{input} ({})\n",
            styled(FAINT, at),
            text("what"),
            styled(STRONG, subject.join(" ")),
            text("why")
        ));
    }
    let nothing = if args.guard { "nothing was blocked or warned of yet\n" } else { "nothing was changed yet\n" };
    env.out.text(if out.is_empty() { nothing } else { &out });
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
