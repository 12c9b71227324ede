//! The repository that a directory belongs to, and its files.

use std::path::{Path, PathBuf};

use super::command::{Command, normal};
use crate::model::guard::reading::Dir;
use crate::model::guard::world::{Context, World};

/// The most directories between the working directory and its repository.
const MAX_CLIMB: usize = 64;

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// The directory with `HEAD`: of a linked worktree or a submodule its own.
    pub(super) git_dir: PathBuf,
    /// The directory with `config` and the branches.
    pub(super) common_dir: PathBuf,
    /// The top of the working tree, where there is one.
    pub(super) top: Option<PathBuf>,
}

/// What `HEAD` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// This branch.
    Branch(String),
    /// No branch.
    Detached,
    /// It could not be found out.
    Unreadable,
}

/// The repository of a call.
pub(super) fn find(command: &Command, context: &Context<'_>) -> Option<Repository> {
    let world = context.world;
    if let Some(git_dir) = &command.git_dir {
        let written = PathBuf::from(git_dir.known()?);
        let path = match &command.dir {
            Dir::Known(dir) => dir.join(written),
            Dir::Unknown if written.is_absolute() => written,
            Dir::Unknown => return None,
        };
        let path = normal(&path);
        return Some(match pointed(&path, world) {
            Some(path) => with_common_dir(path, None, world),
            None => with_common_dir(path, None, world),
        });
    }
    let Dir::Known(dir) = &command.dir else { return None };
    if let Some(path) = world.variable("GIT_DIR").filter(|path| !path.is_empty()) {
        return Some(with_common_dir(normal(&dir.join(path)), None, world));
    }
    dir.ancestors().take(MAX_CLIMB).find_map(|dir| at(dir, world))
}

/// The repository whose working tree begins at this directory, or that is this directory.
fn at(dir: &Path, world: &dyn World) -> Option<Repository> {
    let dot_git = dir.join(".git");
    if has_head(&dot_git, world) {
        return Some(with_common_dir(dot_git, Some(dir), world));
    }
    if let Some(git_dir) = pointed(&dot_git, world) {
        return Some(with_common_dir(git_dir, Some(dir), world));
    }
    let bare = has_head(dir, world) && world.small_file(&dir.join("config")).is_some();
    bare.then(|| with_common_dir(dir.to_owned(), None, world))
}

fn has_head(dir: &Path, world: &dyn World) -> bool {
    let head = dir.join("HEAD");
    world.small_file(&head).is_some() || world.link(&head).is_some()
}

/// Where a `.git` that is a file points to.
fn pointed(file: &Path, world: &dyn World) -> Option<PathBuf> {
    let text = world.small_file(file)?;
    let target = text.strip_prefix("gitdir:")?.trim();
    Some(normal(&file.parent()?.join(target)))
}

fn with_common_dir(git_dir: PathBuf, top: Option<&Path>, world: &dyn World) -> Repository {
    let common = world.small_file(&git_dir.join("commondir"));
    let common_dir = common.map_or_else(|| git_dir.clone(), |text| normal(&git_dir.join(text.trim())));
    Repository { git_dir, common_dir, top: top.map(Path::to_owned) }
}

impl Repository {
    /// What its `HEAD` says.
    pub(super) fn head(&self, world: &dyn World) -> Head {
        let path = self.git_dir.join("HEAD");
        // In very old repositories it is a link.
        if let Some(branch) = world.link(&path).as_deref().and_then(Path::to_str).and_then(branch_of) {
            return Head::Branch(branch.to_owned());
        }
        let Some(text) = world.small_file(&path) else { return Head::Unreadable };
        let text = text.trim();
        match text.strip_prefix("ref:").map(str::trim) {
            // Branches kept in another format than files say so by this name.
            Some("refs/heads/.invalid") => Head::Unreadable,
            Some(name) => branch_of(name).map_or(Head::Detached, |branch| Head::Branch(branch.to_owned())),
            None if text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) => Head::Detached,
            None => Head::Unreadable,
        }
    }

    /// Whether a branch of this name is kept as a file or packed.
    pub(super) fn has_branch(&self, name: &str, world: &dyn World) -> bool {
        let line_end = format!(" refs/heads/{name}");
        world.small_file(&self.common_dir.join("refs/heads").join(name)).is_some()
            || world
                .small_file(&self.common_dir.join("packed-refs"))
                .is_some_and(|text| text.lines().any(|line| line.ends_with(&line_end)))
    }
}

/// The branch that a full name is one of.
fn branch_of(name: &str) -> Option<&str> {
    let (_, branch) = name.split_once("refs/heads/")?;
    Some(branch)
}
