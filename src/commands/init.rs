//! `init`: from nothing to a pool that can run.
//!
//! The order is the configuration, the state directory, the queues, the homes. Everything after the first is
//! made from what the configuration says, so a run that was killed is carried on by the next one, and an
//! existing configuration is never touched.

mod ask;
mod detect;

use anyhow::{Context, Result, anyhow};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::doctor;
use crate::config::{self, Config, LoadInputs};
use crate::env::{Env, Global};
use crate::error::{Exit, Mark, hinted};
use crate::model::finding::Severity;
use crate::model::home::LinkState;
use crate::model::home::plan::{Step, plan_place};
use crate::model::init::{Answers, configuration};
use crate::model::name::AccountName;
use crate::model::report::{Item, Report};
use crate::output::{Output, STRONG, styled};
use crate::sys::paths::{self, Roots};
use crate::sys::store::{LogEntry, Store};
use crate::sys::{atomic, home, queue, user_manager};
use detect::Detected;

/// Set everything up: configuration, state directory, queues, homes of the accounts
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
    /// Ask nothing
    #[arg(long, short)]
    yes: bool,
    /// Show the files that would be written and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// One thing to make.
enum Make {
    /// The configuration.
    Config { path: PathBuf, text: String },
    /// The state directory, with its locks.
    State(PathBuf),
    /// A directory of a queue.
    Queue(PathBuf),
    /// A step in the home of an account.
    Home { account: AccountName, home: PathBuf, step: Step },
    /// The settings of a new home.
    Settings(PathBuf),
}

/// What a new home's client is told: after a limit we move the session, and two that go on are one too many.
const SETTINGS: &str = "{\n  \"autoContinueAtUsageLimit\": false\n}\n";

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
    let plan = plan(&config, &path, text.as_deref(), &paths::absolute_path(&state)?)?;
    let mut report = Report { command: "init".into(), dry_run: args.dry_run, ..Report::default() };
    if exists {
        report.waiting.push(kept(args, &path));
    }
    if asks && !plan.is_empty() {
        show(&out, &plan, text.as_deref());
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
    if plan.is_empty() {
        report.summary = "nothing to do: everything is there".to_owned();
    }
    if args.dry_run {
        return Ok(told(&out, &report, text.as_deref(), None));
    }
    if asks {
        out.report(&report);
        log_in(&Env::new(&global)?, &out)?;
        report.actions.clear();
    }
    Ok(told(&out, &report, None, Some(&global)))
}

/// What came of it, what is next, and what is wrong with the whole.
fn told(out: &Output, report: &Report, text: Option<&str>, then: Option<&Global>) -> Exit {
    let found = then.and_then(|global| doctor::look(global).ok()).unwrap_or_default();
    if out.json {
        let mut value = serde_json::to_value(report).unwrap_or_default();
        value["version"] = 1.into();
        value["configuration"] = text.into();
        value["findings"] = serde_json::to_value(&found).unwrap_or_default();
        out.object(&value);
        return Exit::Done;
    }
    if let Some(text) = text {
        out.text(text);
    }
    if !report.actions.is_empty() || !report.waiting.is_empty() || !report.summary.is_empty() {
        out.report(report);
    }
    if let Some(global) = then {
        next_steps(out);
        out.text(&doctor::text(global, &found));
        if found.iter().all(|f| f.severity < Severity::Fault) {
            out.note("ready: `claude-failover task add -p PROJECT -m TEXT`, then `claude-failover status`");
        }
    }
    Exit::Done
}

/// What runs the commands from now on.
fn next_steps(out: &Output) {
    out.note(if user_manager::is_booted() {
        "to let systemd run it: `claude-failover timers install`"
    } else {
        "to let cron run it: `claude-failover timers print --cron` prints the lines for `crontab -e`"
    });
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
            .hint("name one: `claude-failover init --project DIR`")
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

/// Everything that is missing, in order.
fn plan(config: &Config, path: &Path, text: Option<&str>, state: &Path) -> Result<Vec<Make>> {
    let mut plan: Vec<Make> =
        text.iter().map(|text| Make::Config { path: path.to_owned(), text: (*text).to_owned() }).collect();
    // A directory that cannot be used is what `doctor` tells.
    if !Store::at(state).is_laid_out() {
        plan.push(Make::State(state.to_owned()));
    }
    for project in queue::projects(config).iter().filter(|p| p.path.is_dir()) {
        let dirs = ["inbox", "done", "failed"].map(|name| project.path.join(queue::FOLDER).join(name));
        plan.extend(dirs.into_iter().filter(|dir| !dir.is_dir()).map(Make::Queue));
    }
    let tree = home::tree(config);
    for account in &config.accounts {
        let step = |step| Make::Home { account: account.name.clone(), home: account.home.clone(), step };
        let place = home::place(&account.home);
        let steps = plan_place(&account.home, &place).map_err(|r| hinted(anyhow!("{r}"), r.hint))?;
        plan.extend(steps.into_iter().map(step));
        for link in home::links(&account.home, &tree).into_iter().filter(|l| l.state == LinkState::Missing) {
            let made = |p: &Make| matches!(p, Make::Home { step: Step::MakeDir(dir), .. } if *dir == link.target);
            if link.there == crate::model::home::TargetState::Absent && !plan.iter().any(made) {
                plan.push(step(Step::MakeDir(link.target.clone())));
            }
            plan.push(step(Step::Link { path: link.path, target: link.target }));
        }
        let merged = home::identity(&account.home, None, None);
        if let Ok(merged) = merged
            && !merged.added.is_empty()
        {
            let path = account.home.join(home::CLIENT_FILE);
            plan.push(step(Step::Seed { path, keys: merged.added, from: None }));
        }
        let settings = account.home.join("settings.json");
        // A person's own `~/.claude` is theirs.
        if account.home != config.home.join(".claude") && settings.symlink_metadata().is_err() {
            plan.push(Make::Settings(settings));
        }
    }
    Ok(plan)
}

impl Make {
    fn subject(&self) -> &Path {
        match self {
            Self::Config { path, .. } | Self::State(path) | Self::Queue(path) | Self::Settings(path) => path,
            Self::Home { step, .. } => step.subject(),
        }
    }

    /// What would be done, what was done, and why.
    fn words(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::Config { .. } => ("would write", "wrote", "the configuration".into()),
            Self::State(_) => ("would make", "made", "the state directory, its locks, and a reserve".into()),
            Self::Queue(_) => ("would make", "made", "of the project's queue".into()),
            Self::Settings(_) => {
                ("would write", "wrote", "the client does not go on by itself after a limit".into())
            }
            Self::Home { account, step, .. } => {
                let (would, done) = step.verbs();
                (would, done, format!("home of account `{account}`: {}", step.how()))
            }
        }
    }

    fn carry_out(&self, global: &Global, state: &Path) -> Result<()> {
        match self {
            Self::Config { path, text } => {
                atomic::ensure_dir(path.parent().unwrap_or(path))?;
                // One that somebody else has written meanwhile stays.
                atomic::create(path, text.as_bytes(), 0o600)?;
            }
            Self::State(dir) => drop(Store::open(dir)?),
            Self::Queue(dir) => atomic::ensure_dir_mode(dir, 0o755)?,
            Self::Settings(path) => match atomic::create(path, SETTINGS.as_bytes(), 0o600) {
                Err(e) if atomic::is_taken(&e) => {}
                other => other?,
            },
            Self::Home { account, home, step } => {
                let _held = Store::open(state)?.home_lock(account)?;
                home::apply(step, home, None)?;
            }
        }
        if !matches!(self, Self::Config { .. }) {
            let what = format!("{} `{}`", self.words().1, self.subject().display());
            let entry = LogEntry { command: "init", what: &what, why: &self.words().2, ..LogEntry::default() };
            Env::new(global)?.note(&entry);
        }
        Ok(())
    }
}

fn show(out: &Output, plan: &[Make], text: Option<&str>) {
    if let Some(text) = text {
        out.note(&format!("\n{}", text.trim_end()));
    }
    out.note(&format!("\n{}", styled(STRONG, "to be made:")));
    for make in plan {
        out.note(&format!("  {} ({})", make.subject().display(), make.words().2));
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
