//! What a path is: made absolute, links followed, and held against what is protected.
//!
//! A path is judged twice: as it is written, with `.` and `..` taken away, and as the file system reads it,
//! link by link ([`absolute`]). Patterns are held against the protected names, never against the disk.
//!
//! What is not known is judged as if it were empty: `"$X"/etc` is `/etc`, `~/"$X"` is the home. Three
//! exceptions, all for the sake of ordinary work:
//! - below a directory whose contents nobody protects (`/tmp/"$X"`, `"$PWD/$X"`, `~/.cache/"$X"`) it passes;
//! - a relative path in an unknown directory passes, since an empty `cd` does not go to `/`; only one that
//!   names all that is there (`cd "$D" && rm -rf *`) is like `"$D"/*`;
//! - a name with an unknown end (`~/.bash$X`) could also be any name that goes on like it.

pub mod absolute;
pub mod devices;
pub mod files;
pub mod names;
pub mod places;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::reading::{Call, Mount, Place};
pub(crate) use super::value::Value;
use super::world::Context;
use absolute::{Absolute, Links, Written};
use names::{could_be_above, could_start, starts};

/// What happens to the last name of a path when it is a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// The link itself is meant (`rm`, `mv`), unless a slash stands behind it.
    Kept,
    /// What it points to is meant (`>`, `chmod`).
    Followed,
}

/// A path without `.`, `..` and double slashes, by its letters alone.
#[must_use]
pub fn normalised(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// The directory that a path with patterns in it stands for, of those that are known here: the home, the working
/// directory, the project, and what these lie in. `None` without a pattern, or where none fits.
#[must_use]
pub fn matching(path: &Value, context: &Context<'_>) -> Option<PathBuf> {
    if !path.has_glob() || !path.starts_with("/") {
        return None;
    }
    let mut found = PathBuf::from("/");
    for name in absolute::names(path) {
        let known = [Some(&context.home), Some(&context.cwd), context.project_dir.as_ref()];
        let mut here = known.into_iter().flatten().filter_map(|dir| dir.strip_prefix(&found).ok()?.iter().next());
        match name.known() {
            Some("..") => drop(found.pop()),
            Some(name) => found.push(name),
            None => found.push(here.find(|dir| dir.to_str().is_some_and(|dir| name.could_be(dir)))?),
        }
    }
    Some(found)
}

/// Finds out what paths are, for the calls of one line. Remembers the links that it has asked for.
pub struct Paths<'a> {
    /// Where and as whom the line would run.
    pub context: &'a Context<'a>,
    /// By their letters: comparing paths name by name takes ten times as long.
    asked: RefCell<BTreeMap<OsString, Option<PathBuf>>>,
    home: Vec<Vec<String>>,
    free: Vec<Vec<String>>,
    ours: Vec<Vec<String>>,
    account_homes: Vec<Vec<String>>,
    protected: Vec<Vec<String>>,
    exceptions: Vec<Vec<String>>,
}

impl<'a> Paths<'a> {
    /// Reads the context's own directories.
    #[must_use]
    pub fn new(context: &'a Context<'a>) -> Self {
        let mut paths = Paths {
            context,
            asked: RefCell::default(),
            home: Vec::new(),
            free: Vec::new(),
            ours: Vec::new(),
            account_homes: Vec::new(),
            protected: Vec::new(),
            exceptions: Vec::new(),
        };
        paths.home = paths.both(std::slice::from_ref(&context.home));
        paths.home.retain(|home| !home.is_empty());
        let own: Vec<PathBuf> = context.project_dir.iter().chain([&context.cwd]).cloned().collect();
        paths.free = paths.both(&own);
        paths.free.retain(|dir| places::frees_its_contents(dir) && !paths.home.iter().any(|h| h.starts_with(dir)));
        paths.ours = paths.both(&context.policy.ours);
        paths.account_homes = paths.both(&context.policy.account_homes);
        paths.protected = paths.both(&context.policy.paths);
        paths.exceptions = paths.both(&context.policy.exceptions);
        paths
    }

    /// What a path of a call could be, written and resolved. Nothing where it could be anything at all.
    #[must_use]
    pub fn locate(&self, path: &Value, call: &Call, last: Last) -> Vec<Absolute> {
        let Some(written) = Written::of(path, call, &self.context.home) else { return Vec::new() };
        match &call.place {
            Place::Container(mounts) => self.locate_in(&written, mounts, call, last),
            Place::Here => self.resolve(&written, &self.links(call), last),
            Place::Elsewhere => {
                let mut found = match call.links.is_empty() {
                    true => vec![written.resolve(None, last)],
                    false => self.resolve(&written, &self.links(call), last),
                };
                found.iter_mut().for_each(|absolute| absolute.here = false);
                found
            }
        }
    }

    /// What a path in a container could be: of this machine where it lies below a mount, or a mount below it.
    fn locate_in(&self, written: &Written, mounts: &[Mount], call: &Call, last: Last) -> Vec<Absolute> {
        let made = self.links(call);
        let mut inside = written.resolve(Some(&made), last);
        inside.here = false;
        let names = match inside.certain {
            None => inside.names.clone(),
            Some(_) => written.without_dots(),
        };
        if inside.adrift || mounts.is_empty() {
            return vec![inside];
        }
        let below = mounts.iter().filter(|mount| starts(&names, &mount.at)).max_by_key(|mount| mount.at.len());
        let mut found = if below.is_some() { Vec::new() } else { vec![inside] };
        for mount in mounts.iter().filter(|mount| !mount.read_only) {
            let rest = match below {
                Some(below) if std::ptr::eq(below, mount) => names.get(mount.at.len()..),
                _ if starts(&names, &mount.at) => None,
                _ if could_start(&names, &mount.at) => names.get(mount.at.len()..),
                _ => could_be_above(&names, &mount.at).then_some(&[][..]),
            };
            if let Some(here) = rest.and_then(|rest| written.moved(&mount.from, rest)) {
                let links = Links { made: &[], world: Some(self), followed: Cell::new(false) };
                found.extend(self.resolve(&here, &links, last));
            }
        }
        found
    }

    /// A path as it is written, and with its links followed.
    fn resolve(&self, written: &Written, links: &Links<'_>, last: Last) -> Vec<Absolute> {
        let resolved = written.resolve(Some(links), last);
        // No link on the way: as it is written.
        if !links.followed.get() {
            return vec![resolved];
        }
        let mut found = vec![written.resolve(None, last)];
        // A link may be replaced, or written through.
        let all: &[Last] = if last == Last::Kept { &[Last::Kept] } else { &[Last::Followed, Last::Kept] };
        for &last in all {
            let resolved = written.resolve(Some(links), last);
            if found.iter().any(|a| a.names == resolved.names) {
                // No link on the way, so none at its end either.
                break;
            }
            found.push(resolved);
        }
        found
    }

    /// What a path that a tool was given could be.
    #[must_use]
    pub fn locate_known(&self, path: &str) -> Vec<Absolute> {
        let cwd = super::reading::Dir::Known(self.context.cwd.clone());
        // Tools take `~` for the home, or for a directory of that name: judged as the home.
        let rest = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let path = match rest {
            Some(rest) => format!("{}{rest}", self.context.home.display()),
            None => path.to_owned(),
        };
        let call = Call {
            argv: Vec::new(),
            program: None,
            env: Vec::new(),
            dir: cwd,
            stdin: super::reading::Stream::default(),
            redirects: Vec::new(),
            via: Vec::new(),
            place: Place::Here,
            more_operands: false,
            links: std::rc::Rc::default(),
        };
        self.locate(&Value::from(path.as_str()), &call, Last::Followed)
    }

    /// Whether a directory is at a path; `None` where the path is not known, or not of this machine.
    #[must_use]
    pub fn is_dir(&self, path: &Absolute) -> Option<bool> {
        let known = path.path()?;
        path.here.then(|| self.context.world.is_dir(&known))
    }

    fn links<'b>(&'b self, call: &'b Call) -> Links<'b> {
        Links { made: &call.links, world: (call.place == Place::Here).then_some(self), followed: Cell::new(false) }
    }

    /// Where a link points, asked once.
    fn link(&self, path: &Path) -> Option<PathBuf> {
        if let Some(known) = self.asked.borrow().get(path.as_os_str()) {
            return known.clone();
        }
        let answer = self.context.world.link(path);
        self.asked.borrow_mut().insert(path.as_os_str().to_owned(), answer.clone());
        answer
    }

    /// Directories as names, as they are written and with links followed.
    fn both(&self, paths: &[PathBuf]) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = Vec::new();
        for path in paths {
            let text = path.to_string_lossy();
            let Some(written) = Written::of_known(&text) else { continue };
            let links = Links { made: &[], world: Some(self), followed: Cell::new(false) };
            for absolute in [written.resolve(None, Last::Followed), written.resolve(Some(&links), Last::Followed)]
            {
                let names = absolute.names.iter().map(|n| n.if_empty().into_owned()).collect();
                if !all.contains(&names) {
                    all.push(names);
                }
            }
        }
        all
    }
}
