//! The guard's policy, compiled from the configuration into one small file that a hook can read in no time.
//!
//! What an agent can write must not weaken the policy that judges it. So a hook finds the file by the state
//! directory that its entry names, takes the configuration's path from the file, and never from its
//! environment; and a run with another configuration does not replace the file. Where nothing usable is
//! found, the built-in rules hold, unrelaxed.

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{atomic, paths, state_file};
use crate::config::{self, Config, LoadInputs};
use crate::model::guard::policy::Policy;
use crate::model::name::ProjectName;

/// The format of the file.
const VERSION: u32 = 1;

/// The file that a policy was compiled from, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its path, absolute.
    path: PathBuf,
    size: u64,
    modified_ns: i64,
    inode: u64,
    /// The rest of what was read beside it: what `~` means.
    home: PathBuf,
}

impl Source {
    /// The configuration as it is now. To be asked before it is read: what is read later may be newer, and is
    /// then read once more.
    #[must_use]
    pub fn of(path: &Path, home: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            size: meta.len(),
            modified_ns: meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec()),
            inode: meta.ino(),
            home: home.to_owned(),
        })
    }
}

/// What is in the file. The order of the first four is the order on disk, see `head`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    version: u32,
    source: Source,
    program: PathBuf,
    /// Why the configuration could not be read when it was last looked at.
    invalid: Option<String>,
    /// Every folder in here may be a project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    projects_dir: Option<PathBuf>,
    policy: Policy,
    projects: BTreeMap<ProjectName, Project>,
}

/// A project of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Project {
    path: PathBuf,
    /// Where it has a policy of its own, this one with the global one below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
}

/// The policy of one session.
#[derive(Clone, Debug, Default)]
pub struct Current {
    /// What holds.
    pub policy: Policy,
    /// The directory of the session's project.
    pub project_dir: Option<PathBuf>,
    /// Why it is not what the operator has configured.
    pub note: Option<String>,
    /// Something to be noted in the log once.
    pub news: Option<String>,
}

/// Where it lies in a state directory.
#[must_use]
pub fn path(state: &Path) -> PathBuf {
    state.join("guard/policy.json")
}

/// Compiles a configuration.
#[must_use]
pub fn compile(config: &Config, source: &Source, program: &Path, state: &Path) -> Compiled {
    let mut ours = Vec::new();
    for path in [program, &source.path, state]
        .into_iter()
        .chain(config.accounts.iter().filter_map(|a| a.token_file.as_deref()))
    {
        protect(&mut ours, path);
    }
    let mut account_homes = Vec::new();
    config.accounts.iter().for_each(|account| protect(&mut account_homes, &account.home));
    let sound = |policy: Policy| {
        let (exceptions, refused): (Vec<_>, Vec<_>) = policy.exceptions.into_iter().partition(|exception| {
            !ours.iter().chain(&account_homes).any(|p| p.starts_with(exception) || exception.starts_with(p))
        });
        for path in &refused {
            log::warn!(
                "the guard makes no exception of `{}`: it holds what is ours, or lies in it",
                path.display()
            );
        }
        Policy { exceptions, ours: ours.clone(), account_homes: account_homes.clone(), ..policy }
    };
    let policy = sound(config.guard.clone());
    let project = |p: &config::Project| {
        let own = p.guard.clone().map(|own| sound(over(config.guard.clone(), own)));
        (p.name.clone(), Project { path: p.path.clone(), policy: own })
    };
    Compiled {
        version: VERSION,
        source: source.clone(),
        program: program.to_owned(),
        invalid: None,
        projects_dir: config.projects_dir.clone(),
        policy,
        projects: config.projects.iter().map(project).collect(),
    }
}

/// Adds a path as it is named, and as it resolves.
fn protect(list: &mut Vec<PathBuf>, path: &Path) {
    let real = path.canonicalize().ok();
    for path in [Some(path.to_owned()), real].into_iter().flatten() {
        if path.is_absolute() && !list.contains(&path) {
            list.push(path);
        }
    }
}

/// A project's policy with the global one below it.
fn over(global: Policy, own: Policy) -> Policy {
    let mut all = global;
    all.rules.extend(own.rules);
    all.branches.extend(own.branches);
    all.paths.extend(own.paths);
    all.exceptions.extend(own.exceptions);
    all.sudo.extend(own.sudo);
    all
}

impl Compiled {
    fn text(&self) -> Result<String> {
        // The line's end says that it is whole, see `is_current`.
        serde_json::to_string(self).map(|text| text + "\n").context("could not prepare the guard's policy")
    }

    fn write(&self, state: &Path) -> Result<()> {
        let path = path(state);
        atomic::ensure_dir(path.parent().unwrap_or(state))?;
        // Derived from what is safe elsewhere: where a power cut takes it, the built-in rules hold until the
        // next run has written it again.
        atomic::replace_hint(&path, self.text()?.as_bytes())
    }

    /// The policy of a project's sessions; of one that is not known, the global one.
    fn of(mut self, project: Option<&str>) -> Current {
        let name = project.and_then(|name| ProjectName::new(name).ok());
        let known = name.as_ref().and_then(|name| self.projects.remove(name));
        let found_in = |dir: PathBuf| name.map(|name| dir.join(name.as_str()));
        let (dir, own) = match known {
            Some(project) => (Some(project.path), project.policy),
            None => (self.projects_dir.and_then(found_in), None),
        };
        let note = self.invalid.map(|why| format!("the configuration is invalid: {why}"));
        // Of an invalid configuration only what is protected is kept, nothing that relaxes.
        Current { policy: own.unwrap_or(self.policy), project_dir: dir, note, news: None }
    }

    /// Without anything that relaxes a rule.
    fn unrelaxed(self, source: Source, why: String) -> Self {
        let policy =
            Policy { ours: self.policy.ours, account_homes: self.policy.account_homes, ..Policy::default() };
        let projects = self.projects.into_iter().map(|(name, p)| (name, Project { policy: None, ..p })).collect();
        Self { source, invalid: Some(why), policy, projects, ..self }
    }
}

/// The head of the file: what decides whether it has to be written again.
fn head(source: &Source, program: &Path) -> Result<String> {
    let source = serde_json::to_string(source)?;
    let program = serde_json::to_string(program)?;
    Ok(format!("{{\"version\":{VERSION},\"source\":{source},\"program\":{program},\"invalid\":null,"))
}

/// Writes the file anew if the configuration is not the one that it was compiled from. `source` was asked for
/// before `config` was read. Costs one short read where nothing has changed.
///
/// # Errors
/// If the file is of another configuration, or cannot be written.
pub fn refresh(state: &Path, config: &Config, source: &Source, program: &Path) -> Result<()> {
    let path = path(state);
    let head = head(source, program)?;
    if is_current(&path, &head) {
        return Ok(());
    }
    // A damaged file is written anew.
    if let Ok(Some(old)) = read(state)
        && old.source.path != source.path
        && old.source.path.exists()
    {
        bail!(
            "the guard's policy is compiled from `{}`; to take it from `{}`, remove `{}`",
            old.source.path.display(),
            source.path.display(),
            path.display()
        );
    }
    compile(config, source, program, state).write(state)
}

/// Whether the file begins with this head and is whole: two short reads.
fn is_current(path: &Path, head: &str) -> bool {
    let begins = || -> std::io::Result<bool> {
        let meta = path.symlink_metadata()?;
        if !meta.is_file() {
            return Ok(false);
        }
        let file = std::fs::File::open(path)?;
        let (mut start, mut end) = (vec![0; head.len()], [0]);
        file.read_exact_at(&mut start, 0)?;
        file.read_exact_at(&mut end, meta.len().saturating_sub(1))?;
        Ok(start == head.as_bytes() && end == *b"\n")
    };
    begins().unwrap_or(false)
}

/// Reads the file; `None` if there is none.
fn read(state: &Path) -> Result<Option<Compiled>> {
    state_file::read(&path(state), VERSION)
}

/// The configuration from which the policy of a state directory is compiled, if there is one.
#[must_use]
pub fn compiled_from(state: &Path) -> Option<PathBuf> {
    read(state).ok().flatten().map(|compiled| compiled.source.path)
}

/// The policy that holds for a session now. Looks whether the configuration has changed since it was
/// compiled, and compiles it then.
#[must_use]
pub fn current(state: Option<&Path>, project: Option<&str>) -> Current {
    let read = match state {
        Some(state) => read(state).and_then(|found| found.ok_or_else(|| anyhow!("it was not compiled yet"))),
        None => Err(anyhow!("no state directory was named")),
    };
    let mut current = match (read, state) {
        (Ok(compiled), Some(state)) => renewed(compiled, state, project),
        (Err(e), _) => {
            let note = format!("the built-in rules hold, without the operator's: {e:#}");
            Current { note: Some(note), ..Current::default() }
        }
        (Ok(_), None) => Current::default(),
    };
    let ours = &mut current.policy.ours;
    // What is known without any file is protected whatever it says.
    let add = |list: &mut Vec<PathBuf>, path: &Path| {
        if !list.iter().any(|known| known == path) {
            protect(list, path);
        }
    };
    state.iter().for_each(|state| add(ours, state));
    paths::this_program().iter().for_each(|program| add(ours, program));
    if let Some(home) = paths::var("CLAUDE_CONFIG_DIR") {
        add(&mut current.policy.account_homes, Path::new(&home));
    }
    current
}

fn renewed(old: Compiled, state: &Path, project: Option<&str>) -> Current {
    let seen = Source::of(&old.source.path, &old.source.home);
    let gone = || Source { size: 0, modified_ns: 0, inode: 0, ..old.source.clone() };
    let now = seen.clone().unwrap_or_else(gone);
    if now == old.source {
        return old.of(project);
    }
    let loaded = match seen {
        Some(_) => config::load(&now.path, &LoadInputs { home: &now.home, strict: false })
            .map_err(|e| crate::error::messages_of(&e).join(": ")),
        None => Err("it is gone".to_owned()),
    };
    let (new, news) = match loaded {
        Ok(config) => (compile(&config, &now, &old.program, state), None),
        Err(why) => {
            let news = format!("the configuration is invalid: {why}");
            (old.unrelaxed(now, why), Some(news))
        }
    };
    if let Err(e) = new.write(state) {
        // Then it is compiled at each call.
        log::debug!("{e:#}");
    }
    Current { news, ..new.of(project) }
}
