//! What `init` finds out by itself: the client, tmux, a login that is there, projects with a queue.

use anyhow::Result;
use std::path::{Path, PathBuf};

use crate::model::init::short;
use crate::model::name::AccountName;
use crate::output::Output;
use crate::sys::paths::{self, Roots};
use crate::sys::queue::FOLDER;
use crate::sys::{claude, process};

/// So many directories are looked into for queues.
const MOST: usize = 2000;

/// What was found.
#[derive(Debug)]
pub(super) struct Detected {
    home: PathBuf,
    /// The client, and whether a session would find it by its name alone.
    client: Option<(PathBuf, bool)>,
    client_version: Option<String>,
    tmux_version: Option<String>,
    /// A `~/.claude` that is in use.
    used_home: Option<PathBuf>,
    /// Projects that have a queue.
    pub(super) projects: Vec<PathBuf>,
    shell: Option<PathBuf>,
}

/// Looks around.
pub(super) fn look(roots: &Roots) -> Detected {
    let default = format!("{}/.local/bin:/usr/local/bin:/usr/bin:/bin", roots.home.display());
    let own = paths::var("PATH").and_then(|p| p.into_string().ok()).unwrap_or_default();
    let name = Path::new("claude");
    let client = paths::find_program(name, &default)
        .map(|path| (path, true))
        .or_else(|| paths::find_program(name, &own).map(|path| (path, false)));
    let used = roots.home.join(".claude");
    let client_version =
        client.as_ref().and_then(|(program, _)| claude::said_version(program, &own, &roots.home, &used).ok());
    let tmux = paths::find_program(Path::new("tmux"), &own);
    let limit = std::time::Duration::from_secs(5);
    let tmux_version = tmux
        .and_then(|program| process::run(&program, &["-V"], &["TMUX"], limit).ok())
        .map(|said| said.stdout.trim().to_owned());
    Detected {
        home: roots.home.clone(),
        client,
        client_version,
        tmux_version,
        used_home: Some(used).filter(|home| home.join(".credentials.json").exists()),
        projects: projects(&roots.home),
        shell: paths::var("SHELL").map(PathBuf::from),
    }
}

/// The directory that we are in, or the one that it lies in, and directories below the home and in `/srv` that
/// have a queue.
fn projects(home: &Path) -> Vec<PathBuf> {
    let has_queue = |dir: &Path| dir.join(FOLDER).is_dir();
    let here = paths::absolute_path(Path::new(".")).ok();
    let mut found: Vec<PathBuf> = here
        .iter()
        .flat_map(|dir| dir.ancestors())
        .find(|d| has_queue(d))
        .map(Path::to_owned)
        .into_iter()
        .collect();
    let mut looked = 0;
    let mut level = vec![home.to_owned(), PathBuf::from("/srv")];
    for depth in 0..3 {
        let mut next = Vec::new();
        for dir in level {
            for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
                let hidden = entry.file_name().to_string_lossy().starts_with('.');
                if hidden || looked >= MOST || !entry.file_type().is_ok_and(|t| t.is_dir()) {
                    continue;
                }
                looked += 1;
                let path = entry.path();
                if has_queue(&path) {
                    found.push(path);
                } else if depth < 2 && entry.file_name() != "node_modules" {
                    next.push(path);
                }
            }
        }
        level = next;
    }
    found.sort();
    found.dedup();
    found
}

impl Detected {
    /// The client, where it has to be named in the configuration.
    pub(super) fn program(&self) -> Option<PathBuf> {
        self.client.as_ref().filter(|(_, by_name)| !by_name).map(|(path, _)| path.clone())
    }

    /// The one account that nobody has named: a login that is there, else a home of its own.
    pub(super) fn account(&self, roots: &Roots) -> Result<(AccountName, PathBuf)> {
        let home = self.used_home.clone().unwrap_or_else(|| roots.home.join(".claude-main"));
        Ok((AccountName::new("main")?, home))
    }

    /// Says what was found.
    pub(super) fn tell(&self, out: &Output) {
        let short = |path: &Path| short(path, &self.home);
        let client = match (&self.client, &self.client_version) {
            (Some((path, _)), Some(version)) => format!("{} ({version})", short(path)),
            (Some((path, _)), None) => format!("{} (it does not say its version)", short(path)),
            (None, _) => "not found: install it (`npm install -g @anthropic-ai/claude-code`)".to_owned(),
        };
        let tmux = self.tmux_version.clone().unwrap_or_else(|| "not found: install it".to_owned());
        let login = self.used_home.as_deref().map_or_else(|| "none in ~/.claude".to_owned(), short);
        let projects: Vec<String> = self.projects.iter().map(|p| short(p)).collect();
        let projects = if projects.is_empty() { "none".to_owned() } else { projects.join(", ") };
        let shell = self.shell.as_deref().map_or_else(|| "unknown".to_owned(), |s| s.display().to_string());
        out.note(&format!(
            "client    {client}\ntmux      {tmux}\nlogin     {login}\nqueues in {projects}\nshell     {shell} (sessions use /bin/sh)"
        ));
    }
}
