//! The guard put into a project: planned, carried out, looked at, taken out again.
//!
//! Which file carries the entry: `.claude/settings.json`, unless git tracks it (or it cannot be told whether
//! it does), then `.claude/settings.local.json`, which is meant to be untracked and is read by the client as
//! well. What we create is named in `.git/info/exclude`, so that `git status` stays as it was.
//!
//! Order: the record with the old text, the exclude lines, the script, the entry. A run that is killed
//! between two of them leaves a project that works as before, or one that is guarded.

mod check;
mod remove;

pub use check::{Checked, check, entries};
pub use remove::{Removed, by_record, remove};

use anyhow::{Result, anyhow};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::config::Project;
use crate::env::Env;
use crate::error::Mark;
use crate::model::deploy::entry::{self, Parts};
use crate::model::deploy::record::{Deployed, Excluded, VERSION};
use crate::model::deploy::{Fault, FaultKind, exclude, settings, switches};
use crate::sys::{atomic, deployed, git, paths, queue};

/// Permissions of the script: run and read by all, written by nobody.
const SCRIPT_MODE: u32 = 0o555;

/// The settings files of a project, in the order in which the client lets one win over the other.
pub const SETTINGS: [&str; 2] = ["settings.json", "settings.local.json"];

/// How often a settings file is read anew that somebody changes under our hands.
const TRIES: usize = 5;

/// A project, and what our files in it should say.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its directory, resolved.
    pub project: PathBuf,
    /// The script's file.
    pub script: PathBuf,
    /// The script's text.
    pub script_text: String,
    /// The entry's command line.
    pub command: String,
}

/// What is to be changed in a project.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it should say.
    pub wanted: Wanted,
    /// The settings file, a link resolved.
    pub settings: PathBuf,
    /// Its text now; `None` if there is none.
    pub now: Option<String>,
    /// Its text afterwards.
    pub after: String,
    /// The record afterwards.
    pub record: Deployed,
    /// Whether the script has to be written.
    pub script: bool,
    /// Old entries of ours in the other settings file: the file, its text now and afterwards.
    pub stale: Option<(PathBuf, String, String)>,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether everything is as it should be already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.script && self.now.as_ref() == Some(&self.after) && self.stale.is_none()
    }
}

/// The parts of every command line of ours.
///
/// # Errors
/// If the machine has no `timeout`.
pub fn programs(env: &Env) -> Result<(PathBuf, PathBuf)> {
    let name = Path::new("timeout");
    let timeout = paths::find_program(name, "/usr/bin:/bin:/usr/local/bin")
        .or_else(|| paths::find_program(name, &env.config.client.path))
        .ok_or_else(|| anyhow!("the program `timeout` is not installed"))
        .hint("install coreutils: without it a guard that hangs would let calls run")?;
    Ok((env.program.clone(), timeout))
}

/// The project of the configuration whose directory it is.
fn project_of(env: &Env, dir: &Path) -> Option<Project> {
    let all = queue::projects(&env.config);
    // Most are named as they are; only where none is, links are looked through.
    let named = all.iter().find(|p| p.path == dir);
    named.or_else(|| all.iter().find(|p| p.path.canonicalize().is_ok_and(|real| real == dir))).cloned()
}

/// Whether the guard belongs into a directory: a project of the configuration that does not say otherwise.
#[must_use]
pub fn is_wanted(env: &Env, dir: &Path) -> bool {
    project_of(env, dir).is_some_and(|p| p.guard_deploy)
}

/// What the files of a project should say.
///
/// # Errors
/// If the directory is gone, or a path cannot be written into a script.
pub fn wanted(env: &Env, dir: &Path) -> Result<Wanted> {
    let project = dir
        .canonicalize()
        .ok()
        .filter(|d| d.is_dir())
        .ok_or_else(|| anyhow!("the directory is gone: `{}`", dir.display()))?;
    let (program, timeout) = programs(env)?;
    let parts = Parts { program: &program, timeout: &timeout, state: env.store.root() };
    let script = project.join(".claude/hooks").join(entry::SCRIPT_NAME);
    let odd = || anyhow!("a path that is not UTF-8 cannot be written into a hook: `{}`", project.display());
    let name = project_of(env, &project).map(|p| p.name.to_string());
    let script_text = entry::script(&parts, name.as_deref()).ok_or_else(odd)?;
    let command = entry::project_command(&script).ok_or_else(odd)?;
    Ok(Wanted { project, script, script_text, command })
}

/// A `.claude` of a project that leads out of it is shared with others: nothing of one project belongs there.
fn inside(project: &Path) -> Result<()> {
    for dir in [".claude", ".claude/hooks"] {
        let path = project.join(dir);
        if path.symlink_metadata().is_err() {
            continue;
        }
        let real = path.canonicalize().ok().filter(|real| real.is_dir());
        match real {
            None => return Err(anyhow!("not a directory: `{}`", path.display())),
            Some(real) if !real.starts_with(project) => {
                return Err(anyhow!("it leads out of the project, to `{}`: `{}`", real.display(), path.display()))
                    .hint("make it a directory of the project's own");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What is to be changed, from what is there now. Nothing is written.
///
/// # Errors
/// If something in the project keeps the guard out; nothing was touched.
pub fn plan(env: &Env, dir: &Path) -> Result<Plan> {
    let wanted = wanted(env, dir)?;
    inside(&wanted.project)?;
    if let Some(fault) = switched_off(&wanted.project).into_iter().next() {
        return Err(anyhow!(fault.what)).hint("take that out: with it no hook runs, the guard included");
    }
    let old = env.store.deployed(&wanted.project).unwrap_or_else(|e| {
        log::warn!("{e:#}: it is written anew");
        None
    });
    let folder = wanted.project.join(".claude");
    let tracked = tracked(env, &wanted.project);
    let mut notes = Vec::new();
    let (name, settings) = carrier(&wanted.project, &tracked, &mut notes)?;
    let now = deployed::text(&settings)?;
    let shown = settings.display().to_string();
    let refused = |e: settings::Unusable| anyhow!(e.at(&shown));
    let hint = "mend it: the client passes over the whole file, and nothing was changed";
    let after = settings::with(now.as_deref().unwrap_or_default(), &wanted.command).map_err(refused).hint(hint)?;
    if now.as_ref() != Some(&after) {
        writable(&settings, now.is_some())?;
    }
    // An entry of ours in the other file, from the time before git tracked this one or the other way round.
    let mut stale = None;
    for other in SETTINGS.iter().filter(|other| **other != name) {
        let path = folder.join(other);
        let Some(text) = deployed::text(&path)? else { continue };
        // A file that the client drops holds nothing that counts.
        let Ok(value) = settings::read(&text) else { continue };
        if settings::ours(&value).is_empty() {
            continue;
        }
        if tracked.of(other) {
            notes
                .push(format!("an entry of the guard stands in a file that git tracks too: `{}`", path.display()));
            continue;
        }
        let without = settings::without(&text).map_err(|e| anyhow!(e.at(&path.display().to_string())))?;
        stale = Some((path, text, without));
    }
    let record = record(&wanted, &settings, now.as_deref(), &after, old, &tracked, name);
    let script = deployed::text(&wanted.script).ok().flatten().as_ref() != Some(&wanted.script_text)
        || !has_mode(&wanted.script, SCRIPT_MODE);
    Ok(Plan { wanted, settings, now, after, record, script, stale, notes })
}

fn has_mode(path: &Path, mode: u32) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o7777 == mode)
}

/// Which of our files git tracks, where it could be asked.
struct Tracked {
    repository: Option<git::Repository>,
    /// By settings file, in the order of [`SETTINGS`].
    settings: [bool; 2],
    script: bool,
}

impl Tracked {
    fn of(&self, name: &str) -> bool {
        SETTINGS.iter().zip(self.settings).any(|(n, tracked)| *n == name && tracked)
    }
}

fn tracked(env: &Env, project: &Path) -> Tracked {
    let Some(repository) = git::repository(project) else {
        return Tracked { repository: None, settings: [false; 2], script: false };
    };
    let script = format!(".claude/hooks/{}", entry::SCRIPT_NAME);
    let names = SETTINGS.map(|name| format!(".claude/{name}"));
    let files: Vec<&str> = names.iter().map(String::as_str).chain([script.as_str()]).collect();
    let found = git::tracked(project, &files, &env.config.client.path);
    let known = |n: usize| found.as_ref().and_then(|f| f.get(n).copied());
    // Where git cannot be asked, `settings.json` counts as tracked: the other file never is by rights.
    Tracked {
        repository: Some(repository),
        settings: [known(0).unwrap_or(true), known(1).unwrap_or(false)],
        script: known(2).unwrap_or(false),
    }
}

/// The settings file that is to carry the entry.
fn carrier(project: &Path, tracked: &Tracked, notes: &mut Vec<String>) -> Result<(&'static str, PathBuf)> {
    let [shared, local] = SETTINGS;
    let folder = project.join(".claude");
    // A link is written through, never replaced; one that leads out of the project is shared with others.
    let resolved = |name: &str| -> Option<PathBuf> {
        let path = folder.join(name);
        match path.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => path.canonicalize().ok().filter(|real| real.starts_with(project)),
            _ => Some(path),
        }
    };
    match (tracked.of(shared), resolved(shared)) {
        (false, Some(path)) => return Ok((shared, path)),
        (true, _) => notes.push(format!("git tracks `{shared}`, so `{local}` carries the entry")),
        (false, None) => notes
            .push(format!("`{shared}` is a link that leads out of the project, so `{local}` carries the entry")),
    }
    let path = resolved(local)
        .ok_or_else(|| anyhow!("a link that leads out of the project: `{}`", folder.join(local).display()));
    if tracked.of(local) {
        notes.push(format!("git tracks `{local}` as well: it will show as changed"));
    }
    Ok((local, path?))
}

/// A file that a person has made read-only is not changed, whatever we could do.
fn writable(path: &Path, exists: bool) -> Result<()> {
    if exists {
        let mode = path.metadata().map(|m| m.permissions().mode()).unwrap_or_default();
        if mode & 0o200 == 0 {
            return Err(anyhow!("it is read-only: `{}`", path.display()))
                .hint(format!("chmod u+w {}", path.display()));
        }
    }
    Ok(())
}

/// What the record says afterwards. What stood there before us is kept from the first time on.
fn record(
    wanted: &Wanted,
    settings: &Path,
    now: Option<&str>,
    after: &str,
    old: Option<Deployed>,
    tracked: &Tracked,
    name: &str,
) -> Deployed {
    let has_ours = now.is_some_and(|text| settings::read(text).is_ok_and(|v| !settings::ours(&v).is_empty()));
    let same = old.as_ref().filter(|old| old.settings == settings && has_ours);
    let before = match same {
        // Somebody has edited it since: its own text is what comes back, without ours.
        Some(old) if now != Some(old.written.as_str()) => match (&old.before, now.map(settings::without)) {
            (None, Some(Ok(text))) if settings::is_empty(&text) => None,
            (_, Some(Ok(text))) => Some(text),
            _ => old.before.clone(),
        },
        Some(old) => old.before.clone(),
        None if has_ours => now.and_then(|text| settings::without(text).ok()),
        None => now.map(str::to_owned),
    };
    let mut made = old.as_ref().map(|old| old.made.clone()).unwrap_or_default();
    for dir in [".claude", ".claude/hooks"] {
        let dir = wanted.project.join(dir);
        if dir.symlink_metadata().is_err() && !made.contains(&dir) {
            made.push(dir);
        }
    }
    made.sort();
    let excluded = tracked.repository.as_ref().and_then(|repository| {
        let file = repository.common.join("info/exclude");
        let line = |path: &Path| exclude::pattern(path.strip_prefix(&repository.top).ok()?.to_str()?);
        let mut lines: Vec<String> =
            old.as_ref().and_then(|o| o.exclude.as_ref()).map(|e| e.lines.clone()).unwrap_or_default();
        let script = (!tracked.script).then(|| line(&wanted.script)).flatten();
        // A settings file that was there is the project's own affair.
        let own = (before.is_none() && !tracked.of(name)).then(|| line(settings)).flatten();
        for line in script.into_iter().chain(own) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let made = old.as_ref().and_then(|o| o.exclude.as_ref()).is_some_and(|e| e.made) || !file.exists();
        (!lines.is_empty()).then_some(Excluded { file, made, lines })
    });
    Deployed {
        version: VERSION,
        project: wanted.project.clone(),
        script: wanted.script.clone(),
        script_text: wanted.script_text.clone(),
        settings: settings.to_owned(),
        command: wanted.command.clone(),
        before,
        written: after.to_owned(),
        made,
        exclude: excluded,
    }
}

/// Puts the guard into a project. What was planned is planned anew under the lock.
///
/// # Errors
/// If something keeps it out, or a step fails.
pub fn deploy(env: &Env, dir: &Path) -> Result<Plan> {
    let project = wanted(env, dir)?.project;
    let _held = env.store.deploy_lock(&project)?;
    for _ in 0..TRIES {
        let plan = plan(env, &project)?;
        if env.store.deployed(&project).ok().flatten().as_ref() != Some(&plan.record) {
            env.store.lock()?.write_deployed(&plan.record)?;
        }
        if carry_out(&plan)? {
            return Ok(plan);
        }
    }
    Err(anyhow!("somebody keeps changing it: `{}`", project.join(".claude").display()))
}

/// Whether it could be carried out: not if a settings file has changed since it was read.
fn carry_out(plan: &Plan) -> Result<bool> {
    let hooks = plan.wanted.script.parent().unwrap_or(&plan.wanted.project);
    atomic::ensure_dir_mode(hooks, 0o755)?;
    for file in [&plan.wanted.script, &plan.settings] {
        atomic::sweep_temp_of(file);
    }
    if let Some(excluded) = &plan.record.exclude
        && let Err(e) = add_lines(excluded)
    {
        log::warn!("git may show what belongs to the guard: {e:#}");
    }
    if plan.script {
        atomic::write_if(&plan.wanted.script, plan.wanted.script_text.as_bytes(), SCRIPT_MODE, || true)?;
    }
    if plan.now.as_ref() != Some(&plan.after) && !write_as_read(&plan.settings, plan.now.as_deref(), &plan.after)?
    {
        return Ok(false);
    }
    match &plan.stale {
        Some((path, now, after)) => write_as_read(path, Some(now), after),
        None => Ok(true),
    }
}

fn add_lines(excluded: &Excluded) -> Result<()> {
    let now = deployed::text(&excluded.file)?;
    let after = exclude::with(now.as_deref().unwrap_or_default(), &excluded.lines);
    if now.as_ref() != Some(&after) {
        if let Some(dir) = excluded.file.parent() {
            atomic::ensure_dir_mode(dir, 0o755)?;
        }
        write_as_read(&excluded.file, now.as_deref(), &after)?;
    }
    Ok(())
}

/// Replaces a file of the project's, with its permissions, while it still says what was read.
fn write_as_read(path: &Path, now: Option<&str>, after: &str) -> Result<bool> {
    let mode = path.metadata().map_or(0o644, |m| m.permissions().mode() & 0o7777);
    atomic::write_if(path, after.as_bytes(), mode, || {
        deployed::text(path).is_ok_and(|again| again.as_deref() == now)
    })
}

/// What in a project's settings switches hooks off.
#[must_use]
pub fn switched_off(project: &Path) -> Vec<Fault> {
    SETTINGS.iter().flat_map(|name| switched_off_in(&project.join(".claude").join(name))).collect()
}

/// What in one settings file switches hooks off. A file that the client does not take switches nothing.
#[must_use]
pub fn switched_off_in(path: &Path) -> Vec<Fault> {
    let text = deployed::text(path).ok().flatten().unwrap_or_default();
    // Read as generously as can be: the shape of its other parts does not matter here.
    let value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let found = switches::in_settings(&value);
    let fault = |what: &String| Fault {
        kind: FaultKind::Disabled,
        what: format!("hooks are switched off by {what}: `{}`", path.display()),
    };
    found.iter().map(fault).collect()
}

/// What is not in order in a project, by its files alone. `script_text` and `command`: what they should say.
#[must_use]
pub fn faults(wanted: &Wanted) -> Vec<Fault> {
    let mut found = switched_off(&wanted.project);
    let mut fault = |kind, what: String| found.push(Fault { kind, what });
    let script = wanted.script.display();
    match deployed::text(&wanted.script) {
        Ok(Some(text)) if text == wanted.script_text => {
            if !has_mode(&wanted.script, SCRIPT_MODE) {
                fault(FaultKind::Outdated, format!("the script has not mode 0555, or is a link: `{script}`"));
            }
        }
        Ok(Some(_)) => {
            fault(FaultKind::Outdated, format!("the script is not what this program writes: `{script}`"));
        }
        Ok(None) => fault(FaultKind::Missing, format!("the script is missing: `{script}`")),
        Err(e) => fault(FaultKind::Broken, format!("the script cannot be read: {e:#}")),
    }
    let mut entries = 0;
    let mut others = Vec::new();
    let mut unusable = Vec::new();
    for name in SETTINGS {
        let path = wanted.project.join(".claude").join(name);
        let shown = path.display().to_string();
        match deployed::text(&path) {
            Ok(None) => {}
            Ok(Some(text)) => match settings::read(&text) {
                Ok(value) if settings::holds(&value, &wanted.command) => entries += 1,
                Ok(value) if !settings::ours(&value).is_empty() => others.push(shown),
                Ok(_) => {}
                Err(e) => unusable.push(e.at(&shown)),
            },
            Err(e) => unusable.push(format!("{e:#}")),
        }
    }
    if entries == 0 {
        match (unusable.first(), others.first()) {
            (Some(why), _) => fault(FaultKind::Broken, why.clone()),
            (None, Some(path)) => {
                fault(FaultKind::Outdated, format!("the entry is not what this program writes: `{path}`"));
            }
            (None, None) => fault(
                FaultKind::Missing,
                format!("no settings file has the entry: `{}`", wanted.project.join(".claude").display()),
            ),
        }
    } else if let Some(path) = others.first() {
        fault(FaultKind::Outdated, format!("an old entry of ours stands there too: `{path}`"));
    }
    found
}
