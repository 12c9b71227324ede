//! `init`: from nothing to a pool that can run.
//!
//! The order is the configuration, the state directory, the queues, the homes, the units. Everything after the first is
//! made from what the configuration says, so a run that was killed is carried on by the next one, and an
//! existing configuration is never touched.

mod ask;
mod detect;
mod make;
mod timers;

use anyhow::{Context, Result, anyhow};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::doctor;
use crate::config::{self, LoadInputs};
use crate::env::{Env, Global};
use crate::error::{Exit, Mark};
use crate::model::finding::Severity;
use crate::model::init::{Answers, configuration};
use crate::model::name::AccountName;
use crate::model::report::{Item, Report};
use crate::output::{Output, STRONG, styled};
use crate::sys::paths::{self, Roots};
use crate::sys::store::Store;
use detect::Detected;
use make::{Make, plan};
use timers::Timers;

/// Set everything up: configuration, state directory, queues, homes of the accounts, systemd units
///
/// Asks little, and only on a terminal; the rest is detected. What is there already is never overwritten: it can
/// be run again at any time, and makes what is missing. Ends with `doctor`, whose findings do not count for the
/// exit code.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An account: its name, and its home if that is not `~/.claude-NAME`; the first is preferred
    #[arg(long = "account", value_name = "NAME[=HOME]")]
    accounts: Vec<String>,
    /// A project's directory
    #[arg(long = "project", value_name = "DIR")]
    projects: Vec<PathBuf>,
    /// How many sessions there may be at once (default 3)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pool: Option<u32>,
    /// Let systemd run it from now on, as by `timers install`
    #[arg(long, conflicts_with = "no_timers")]
    timers: bool,
    /// Leave the units alone, and do not ask
    #[arg(long)]
    no_timers: bool,
    /// Ask nothing; units are installed only with `--timers`
    #[arg(long, short)]
    yes: bool,
    /// Show the files that would be written and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// If an existing configuration is invalid, something is in the way, or a step fails.
pub fn run(global: &Global, args: &Args) -> Result<Exit> {
    let out = Output { json: global.json, quiet: global.quiet };
    let roots = Roots::from_env()?;
    let user = roots.config_home.join("claude-failover/config.yaml");
    let path = paths::absolute_path(&roots.config_file(global.config.as_deref()).unwrap_or(user))?;
    let exists = path.symlink_metadata().is_ok();
    let asks = !args.yes && !args.dry_run && !out.json && std::io::stdin().is_terminal();
    if !exists && !asks && !args.yes && !args.dry_run {
        return Err(anyhow!("there is no terminal to ask on"))
            .hint("`--yes` goes on with the flags and what is detected, `--dry-run` shows what that comes to")
            .exit(Exit::Usage);
    }
    let inputs = LoadInputs { home: &roots.home, strict: false };
    let (config, text) = if exists {
        (config::load(&path, &inputs)?, None)
    } else {
        let detected = detect::look(&roots);
        let answers = answers(&roots, args, &detected, asks, &out)?;
        let text = configuration(&answers, &roots.home);
        let config =
            config::parse(&text, Some(&path), &inputs).context("could not make a configuration of this")?;
        (config, Some(text))
    };
    let state = roots.state_dir(global.state_dir.as_deref(), config.state_dir.as_deref());
    let state = paths::absolute_path(&state)?;
    let plan = plan(&config, &path, text.as_deref(), &state)?;
    // As it will be: nothing of it need be there yet.
    let env = Env::around(config, path.clone(), Store::at(&state), global)?;
    let mut report = Report { command: "init".into(), dry_run: args.dry_run, ..Report::default() };
    if exists {
        report.waiting.push(kept(args, &path));
    }
    let timers = Timers::wanted(&env, args, asks);
    if asks && (!plan.is_empty() || timers == Timers::Install) {
        show(&out, &plan, text.as_deref(), timers);
        if !ask::yes("go on?", &out) {
            return Err(anyhow!("nothing was changed")).exit(Exit::Failed);
        }
    }
    // The rest of this run, and `doctor`, read what was just written.
    let global = Global { config: Some(path.clone()), ..global.clone() };
    for make in &plan {
        let (verb, done, why) = make.words();
        if args.dry_run {
            report.actions.push(Item::new(make.subject().display(), verb, why));
            continue;
        }
        make.carry_out(&global, &state)
            .with_context(|| format!("could not make `{}`", make.subject().display()))
            .hint("what is done stays done: run the same command again")?;
        report.actions.push(Item::new(make.subject().display(), done, why));
    }
    if args.dry_run {
        timers.install(&env, &mut report);
    } else {
        if asks {
            // What was shown was done.
            report.actions.clear();
            if !plan.is_empty() {
                out.note(&format!("made: {}", crate::model::home::count(plan.len() as u64, "thing")));
            }
            log_in(&Env::new(&global)?, &out)?;
        }
        timers.install(&Env::new(&global)?, &mut report);
    }
    if plan.is_empty() && report.actions.is_empty() {
        report.summary = "nothing to do: everything is there".to_owned();
    }
    let then = (!args.dry_run).then_some((&global, timers));
    Ok(told(&out, &report, text.as_deref().filter(|_| args.dry_run), then))
}

/// What came of it, what is next, and what is wrong with the whole.
fn told(out: &Output, report: &Report, text: Option<&str>, then: Option<(&Global, Timers)>) -> Exit {
    let found = then.and_then(|(global, _)| doctor::look(global).ok()).unwrap_or_default();
    if out.json {
        let mut value = serde_json::to_value(report).unwrap_or_default();
        value["version"] = 1.into();
        value["configuration"] = text.into();
        value["findings"] = serde_json::to_value(&found).unwrap_or_default();
        out.object(&value);
        return report.exit();
    }
    if let Some(text) = text {
        out.text(text);
    }
    if !report.actions.is_empty() || !report.waiting.is_empty() || !report.summary.is_empty() {
        out.report(report);
    }
    if let Some((global, timers)) = then {
        timers.next_step(out);
        out.text(&doctor::text(global, &found));
        if found.iter().all(|f| f.severity < Severity::Fault) {
            out.note("ready: `claude-failover task add -p PROJECT -m TEXT`, then `claude-failover status`");
        }
    }
    report.exit()
}

/// What is said of a configuration that is there: it is used, and stays as it is.
fn kept(args: &Args, path: &Path) -> Item {
    let flags = [
        (!args.accounts.is_empty()).then_some("--account"),
        (!args.projects.is_empty()).then_some("--project"),
        args.pool.map(|_| "--pool"),
    ];
    let unused: Vec<&str> = flags.into_iter().flatten().collect();
    let (why, hint) = match unused.is_empty() {
        true => ("it is there already, and is used as it is".to_owned(), None),
        false => {
            let why = format!("it is there already, so {} changes nothing", unused.join(" and "));
            (why, Some("change it yourself, then run `claude-failover init` again for what it names".to_owned()))
        }
    };
    Item::new(path.display(), "keeps", why).hint(hint)
}

/// From flags first, then from what was detected, and on a terminal by asking.
fn answers(roots: &Roots, args: &Args, detected: &Detected, asks: bool, out: &Output) -> Result<Answers> {
    detected.tell(out);
    let mut accounts: Vec<(AccountName, PathBuf)> =
        args.accounts.iter().map(|text| account(text, roots)).collect::<Result<_>>()?;
    if accounts.is_empty() {
        let found = detected.account(roots)?;
        accounts = if asks { ask::accounts(found, roots, out)? } else { vec![found] };
    }
    let mut projects: Vec<PathBuf> = Vec::new();
    for dir in &args.projects {
        let dir = paths::absolute_path(dir)?;
        if !dir.is_dir() {
            return Err(anyhow!("not a directory: `{}`", dir.display())).hint("make it first").exit(Exit::Usage);
        }
        projects.push(dir);
    }
    if projects.is_empty() {
        projects = if asks { ask::projects(&detected.projects, out) } else { detected.projects.clone() };
    }
    if projects.is_empty() {
        return Err(anyhow!("no project is named, and none with an `.agent-queue` was found"))
            .hint("name one: `claude-failover init --project .` for the directory that you are in")
            .exit(Exit::Usage);
    }
    projects.dedup();
    let pool = match args.pool {
        Some(pool) => pool,
        None if asks => ask::pool(out),
        None => 3,
    };
    Ok(Answers {
        accounts,
        projects,
        pool,
        program: detected.program(),
        shell: None,
        is_root: nix::unistd::geteuid().is_root(),
    })
}

/// `NAME` or `NAME=HOME`.
fn account(text: &str, roots: &Roots) -> Result<(AccountName, PathBuf)> {
    let (name, at) = text.split_once('=').map_or((text, None), |(name, at)| (name, Some(at)));
    let name = AccountName::new(name).map_err(anyhow::Error::from).exit(Exit::Usage)?;
    let at = match at {
        Some(at) => match at.strip_prefix("~/") {
            Some(rest) => roots.home.join(rest),
            None => paths::absolute_path(at.as_ref())?,
        },
        None => roots.home.join(format!(".claude-{name}")),
    };
    Ok((name, at))
}

fn show(out: &Output, plan: &[Make], text: Option<&str>, timers: Timers) {
    if let Some(text) = text {
        out.note(&format!("\n{}", text.trim_end()));
    }
    out.note(&format!("\n{}", styled(STRONG, "to be made:")));
    let mut told: Vec<&Path> = Vec::new();
    for make in plan {
        match make.home() {
            // One line a home: `--dry-run` shows each of its steps.
            Some(home) if told.contains(&home) => {}
            Some(home) => {
                told.push(home);
                let steps = plan.iter().filter(|other| other.home() == Some(home)).count();
                let what = "links into the tree that all homes share, and what the client asks at its first start";
                let steps = crate::model::home::count(steps as u64, "step");
                out.note(&format!("  {} ({steps}: {what})", home.display()));
            }
            None => out.note(&format!("  {} ({})", make.subject().display(), make.words().2)),
        }
    }
    if timers == Timers::Install {
        out.note("  systemd units, enabled and started (`claude-failover timers print` shows them)");
    }
}

/// Offers the client's own login for each account that has none.
fn log_in(env: &Env, out: &Output) -> Result<()> {
    for account in &env.config.accounts {
        let seen = crate::sys::login::look(account, env.now).login;
        if seen.is_usable() || !ask::yes(&format!("log account `{}` in now?", account.name), out) {
            continue;
        }
        // What goes wrong there is told by `doctor` at the end.
        if let Err(e) = super::account::log_in(env, &account.name) {
            out.error(&e);
        }
    }
    Ok(())
}
