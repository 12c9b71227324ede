//! The guard of a session: made ready before its client is started, and looked at while it runs.
//!
//! A client is started only when the guard is proved to block in it; else the launch is refused, and a task
//! goes back.

use anyhow::{Result, anyhow};
use std::fmt;
use std::path::{Path, PathBuf};

use super::deploy::{self, SETTINGS};
use super::launch::Spec;
use super::self_test::{self, Entry};
use crate::config::Account;
use crate::env::Env;
use crate::error::hints_of;
use crate::model::deploy::entry::{self, Parts};
use crate::model::deploy::record::{Armed, Stamp, mark};
use crate::model::deploy::{FaultKind, switches};
use crate::model::session::SessionRecord;
use crate::sys::{claude, deployed, managed};

/// A launch that is refused, since the client would run without a guard.
#[derive(Debug)]
pub struct Unguarded(String);

impl fmt::Display for Unguarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not launched without a guard: {}", self.0)
    }
}

impl std::error::Error for Unguarded {}

fn refused(e: &anyhow::Error) -> anyhow::Error {
    let hint = hints_of(e).first().map(|h| (*h).to_owned());
    let unguarded = Unguarded(crate::error::messages_of(e).join(": "));
    match hint {
        Some(hint) => crate::error::hinted(unguarded, hint),
        None => unguarded.into(),
    }
}

/// What a client is launched with.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The overlay's text.
    pub overlay: String,
    /// What `watch` looks at; `None` if the operator has turned the guard off.
    armed: Option<Armed>,
}

impl Ready {
    /// With the overlay as it was written.
    #[must_use]
    pub fn armed(&self, overlay: &Path) -> Option<Armed> {
        let mut armed = self.armed.clone()?;
        armed.files.push(deployed::stamp(overlay));
        Some(armed)
    }
}

/// Makes the guard of a session ready: deploys it where it has to be, and proves that it blocks.
///
/// # Errors
/// [`Unguarded`] if the client would run without one.
pub fn ready(env: &Env, account: &Account, spec: &Spec) -> Result<Ready> {
    let overlay =
        |command: Option<&str>| claude::overlay_for(&env.store, &env.program, &spec.session, account, command);
    if !env.config.guard_deploy {
        return Ok(Ready { overlay: overlay(None), armed: None });
    }
    let made = || -> Result<Ready> {
        let obstacles = obstacles(env, account, &spec.cwd);
        if let Some(why) = obstacles.first() {
            return Err(anyhow!(why.clone()));
        }
        let cwd = spec.cwd.canonicalize().unwrap_or_else(|_| spec.cwd.clone());
        let project = spec.project.as_ref().map(ToString::to_string);
        let command = session_command(env, spec.session.as_str(), project.as_deref())?;
        let mut entries = vec![Entry {
            what: "the entry of the session's overlay".into(),
            command: command.clone(),
            script: None,
        }];
        // A directory that is no project of the configuration is a person's own: nothing is put into it.
        let mut guarded = None;
        if deploy::is_wanted(env, &cwd) {
            let (wanted, commands) = in_order(env, &cwd)?;
            let what = format!("the entry of project `{}`", wanted.project.display());
            entries.extend(commands.into_iter().map(|command| Entry {
                what: what.clone(),
                command,
                script: Some(wanted.script.clone()),
            }));
            guarded = Some(wanted);
        }
        self_test::prove(env, &entries, &cwd)?;
        let mut files: Vec<PathBuf> = guarded.iter().map(|w| w.script.clone()).collect();
        files.extend(SETTINGS.iter().map(|name| cwd.join(".claude").join(name)));
        files.push(account.home.join("settings.json"));
        files.extend(managed::files());
        let overlay = overlay(Some(&command));
        let armed = Armed {
            files: files.iter().map(|path| deployed::stamp(path)).collect(),
            overlay: mark(overlay.as_bytes()),
            project: guarded.map(|w| w.project),
            ..Armed::default()
        };
        Ok(Ready { overlay, armed: Some(armed) })
    };
    made().map_err(|e| refused(&e))
}

/// The command line of the entry in a session's overlay.
///
/// # Errors
/// If a path of it is not text.
pub fn session_command(env: &Env, session: &str, project: Option<&str>) -> Result<String> {
    let (program, timeout) = deploy::programs(env)?;
    let parts = Parts { program: &program, timeout: &timeout, state: env.store.root() };
    entry::session_command(&parts, session, project).ok_or_else(|| {
        anyhow!("a path that is not UTF-8 cannot be written into a hook: `{}`", env.program.display())
    })
}

/// Deploys where something is not in order; the entries that are installed then, as the client reads them.
fn in_order(env: &Env, project: &Path) -> Result<(deploy::Wanted, Vec<String>)> {
    let mut wanted = deploy::wanted(env, project)?;
    let recorded = env.store.deployed(&wanted.project).ok().flatten().is_some();
    if !recorded || !deploy::faults(&wanted).is_empty() {
        wanted = deploy::deploy(env, project)?.wanted;
        if let Some(fault) = deploy::faults(&wanted).into_iter().next() {
            return Err(anyhow!(fault.what));
        }
    }
    let mut commands = Vec::new();
    for name in SETTINGS {
        let path = wanted.project.join(".claude").join(name);
        let text = deployed::text(&path)?.unwrap_or_default();
        let found = crate::model::deploy::settings::read(&text).map(|v| crate::model::deploy::settings::ours(&v));
        commands.extend(found.unwrap_or_default());
    }
    commands.dedup();
    Ok((wanted, commands))
}

/// What would keep every hook of a session from running, by the files and words that the client reads.
#[must_use]
pub fn obstacles(env: &Env, account: &Account, cwd: &Path) -> Vec<String> {
    let client = &env.config.client;
    let mut found: Vec<String> = switches::in_arguments(&client.args)
        .into_iter()
        .map(|word| format!("hooks are switched off by {word} in `client.args` of the configuration"))
        .collect();
    for (name, value) in client.env.iter().chain(&account.env) {
        if switches::VARIABLES.contains(&name.as_str()) && switches::is_on(value) {
            found.push(format!("hooks are switched off by the variable `{name}` of the configuration"));
        }
    }
    let files =
        SETTINGS.iter().map(|name| cwd.join(".claude").join(name)).chain([account.home.join("settings.json")]);
    found.extend(files.flat_map(|path| deploy::switched_off_in(&path)).map(|fault| fault.what));
    // The machine's own settings are above all others; only the rule that nobody else's hooks run counts.
    let above = managed::files().into_iter().filter(|path| !managed::is_ours(path));
    found.extend(above.flat_map(|path| deploy::switched_off_in(&path)).map(|fault| fault.what));
    found
}

/// Why no task of a project is handed out: a person has to take something out of it.
#[must_use]
pub fn refusal(env: &Env, account: &Account, project: &Path) -> Option<String> {
    if !env.config.guard_deploy {
        return None;
    }
    let why = obstacles(env, account, project).into_iter().next();
    why.map(|why| format!("no client is launched without a guard: {why}"))
}

/// What a look at a running session has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Everything is as it was at the launch.
    Same,
    /// Files have changed, and the guard still holds: what to compare with from now on.
    Holds(Armed),
    /// The guard does not hold any more, and why.
    Broken(String),
}

/// Looks at the files on which the guard of a running session rests: by their metadata, and only where that
/// has changed at what they say.
#[must_use]
pub fn look(env: &Env, record: &SessionRecord) -> Look {
    let Some(armed) = &record.armed else { return Look::Same };
    let now = stamps(armed);
    if now == armed.files {
        return match armed.broken {
            // What was made is gone again.
            Some(_) => Look::Holds(Armed { broken: None, found: String::new(), ..armed.clone() }),
            None => Look::Same,
        };
    }
    let overlay = env.store.overlay_path(&record.name);
    let text = deployed::text(&overlay).ok().flatten().unwrap_or_default();
    if mark(text.as_bytes()) != armed.overlay {
        return Look::Broken(format!("the session's overlay was changed or removed: `{}`", overlay.display()));
    }
    let home = super::look::account_home(env, record);
    let files = record.cwd.iter().flat_map(|cwd| SETTINGS.map(|name| cwd.join(".claude").join(name)));
    let files = files.chain(home.map(|home| home.join("settings.json")));
    if let Some(fault) = files.flat_map(|path| deploy::switched_off_in(&path)).next() {
        return Look::Broken(fault.what);
    }
    if let Some(project) = &armed.project {
        match env.store.deployed(project) {
            Ok(Some(deployed)) => {
                let faults = deploy::faults(&deploy::by_record(deployed));
                // An old entry beside ours is untidy, and blocks.
                if let Some(fault) = faults.into_iter().find(|f| f.kind != FaultKind::Disabled) {
                    return Look::Broken(fault.what);
                }
            }
            Ok(None) => {
                return Look::Broken(format!("the record of the deployment is gone: `{}`", project.display()));
            }
            Err(e) => return Look::Broken(format!("{e:#}")),
        }
    }
    if let Some(gone) = managed::missing(&armed.files) {
        return Look::Broken(format!("the machine's entry was changed or removed: `{}`", gone.display()));
    }
    Look::Holds(Armed { files: now, broken: None, found: String::new(), ..armed.clone() })
}

fn stamps(armed: &Armed) -> Vec<Stamp> {
    armed.files.iter().map(|file| deployed::stamp(&file.path)).collect()
}

/// Notes that a guard does not hold any more. Found once more by a run after one that was killed, it is the same.
pub fn breaks(armed: &mut Armed, why: String) {
    if armed.broken.as_ref() != Some(&why) {
        armed.found = mark(format!("{:?} {:?}", armed.files, stamps(armed)).as_bytes());
        armed.broken = Some(why);
    }
}
