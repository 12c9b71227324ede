//! What `init` makes: everything that the configuration names and that is missing, in order.

use anyhow::{Result, anyhow};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::env::{Env, Global};
use crate::error::hinted;
use crate::model::home::LinkState;
use crate::model::home::plan::{Step, plan_place};
use crate::model::name::AccountName;
use crate::sys::store::{LogEntry, Store};
use crate::sys::{atomic, home, queue};

/// One thing to make.
pub(super) enum Make {
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

/// Everything that is missing, in order.
pub(super) fn plan(config: &Config, path: &Path, text: Option<&str>, state: &Path) -> Result<Vec<Make>> {
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
    pub(super) fn subject(&self) -> &Path {
        match self {
            Self::Config { path, .. } | Self::State(path) | Self::Queue(path) | Self::Settings(path) => path,
            Self::Home { step, .. } => step.subject(),
        }
    }

    /// The home of an account that it belongs to.
    pub(super) fn home(&self) -> Option<&Path> {
        match self {
            Self::Home { home, .. } => Some(home),
            Self::Settings(path) => path.parent(),
            _ => None,
        }
    }

    /// What would be done, what was done, and why.
    pub(super) fn words(&self) -> (&'static str, &'static str, String) {
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

    pub(super) fn carry_out(&self, global: &Global, state: &Path) -> Result<()> {
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
