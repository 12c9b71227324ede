//! A path made absolute: `//`, `.` and `..` taken away, links followed one by one.

use std::cell::Cell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::{Last, Paths};
use crate::model::guard::reading::{Call, Dir, Place};
use crate::model::guard::value::{Part, Value};

/// The most links that are followed in one path, like the kernel's.
const MAX_LINKS: usize = 40;
/// The longest path, in bytes, that the kernel would take; a longer one is not looked up.
const MAX_PATH: usize = 4096;
/// The most names in a path whose links are looked up.
const MAX_LOOKED_UP: usize = 256;

/// A path as it is written, cut into names.
#[derive(Clone, Debug)]
pub struct Written {
    /// The names, `..` among them; a name of unknown parts alone stands for a name that may not be there.
    names: Vec<Value>,
    /// Whether `/` or `/.` stands at the end.
    slash: bool,
    /// Whether it is relative to a directory that is not known.
    adrift: bool,
    /// The directory of the call, for `/proc/self/cwd`.
    dir: Option<PathBuf>,
}

/// An absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absolute {
    /// Its names as far as they are known; none for `/`. What is wholly unknown is left out.
    pub names: Vec<Value>,
    /// How many of the first names hold no matter what an unknown part turns out to be. `None`: all.
    pub certain: Option<usize>,
    /// Whether `/` or `/.` stands at its end.
    pub slash: bool,
    /// Whether its last name was wholly unknown and is left out.
    pub open: bool,
    /// Whether the directory that it starts from is not known: its names are the last ones of the path.
    pub adrift: bool,
    /// Whether it is a path of this machine.
    pub here: bool,
}

impl Absolute {
    /// The path, if nothing in it is unknown or a pattern.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        if self.adrift || self.certain.is_some() {
            return None;
        }
        let mut path = PathBuf::from("/");
        for name in &self.names {
            path.push(name.known()?);
        }
        Some(path)
    }

    /// As text, for people: a `…` where it is not known.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = String::from(if self.adrift { "…" } else { "" });
        for name in &self.names {
            text.push('/');
            for part in name.parts() {
                match part {
                    Part::Text(known) | Part::Glob(known) => text.push_str(known),
                    Part::Unknown(_) => text.push('…'),
                }
            }
        }
        if self.names.is_empty() {
            text.push('/');
        }
        crate::model::name::shown(&text)
    }

    /// Whether the value had parts that are not known.
    #[must_use]
    pub fn unsure(&self) -> bool {
        self.certain.is_some()
    }
}

/// Where links are looked for.
pub struct Links<'a> {
    /// Those that the line has made.
    pub(super) made: &'a [(PathBuf, PathBuf)],
    /// Those on the disk.
    pub(super) world: Option<&'a Paths<'a>>,
    /// Whether one has been followed.
    pub(super) followed: Cell<bool>,
}

impl Links<'_> {
    fn target(&self, path: &Path) -> Option<PathBuf> {
        let made = self.made.iter().rev().find(|(link, _)| link == path).map(|(_, target)| target.clone());
        made.or_else(|| self.world?.link(path))
    }
}

impl Written {
    /// A path of a call; `None` where it is empty or could be any path at all.
    #[must_use]
    pub fn of(path: &Value, call: &Call, home: &Path) -> Option<Self> {
        let tilde = tilde(path, call, home);
        let path = tilde.as_ref().unwrap_or(path);
        let (names, slash) = cut(path);
        let dir = match &call.dir {
            Dir::Known(dir) => Some(dir.clone()),
            Dir::Unknown => None,
        };
        if is_absolute(path) {
            return Some(Written { names, slash, adrift: false, dir });
        }
        // Nothing known: `$X`, `"$A$B"`, the empty string.
        if path.parts().is_empty() || is_unknown(path) {
            return None;
        }
        match dir {
            Some(dir) => {
                let (mut all, _) = cut(&Value::from(&*dir.to_string_lossy()));
                all.extend(names);
                Some(Written { names: all, slash, adrift: false, dir: Some(dir) })
            }
            // All that is there, wherever that is: as if it were `"$D"/*`.
            None if names.iter().all(names_all) => {
                let mut all = vec![Value::unknown("…", crate::model::guard::value::Taint::NONE, false)];
                all.extend(names.into_iter().filter(|n| n.known() != Some("..")));
                Some(Written { names: all, slash, adrift: false, dir: None })
            }
            None => Some(Written { names, slash, adrift: true, dir: None }),
        }
    }

    /// An absolute path with nothing unknown in it.
    #[must_use]
    pub fn of_known(path: &str) -> Option<Self> {
        let value = Value::from(path);
        let (names, slash) = cut(&value);
        is_absolute(&value).then_some(Written { names, slash, adrift: false, dir: None })
    }

    /// Its names with `..` taken away.
    pub(super) fn without_dots(&self) -> Vec<Value> {
        let mut names: Vec<Value> = Vec::new();
        for name in &self.names {
            match name.known() {
                Some("..") => drop(names.pop()),
                _ => names.push(name.clone()),
            }
        }
        names
    }

    /// The path `rest` below an absolute one, ended like this one.
    pub(super) fn moved(&self, to: &Value, rest: &[Value]) -> Option<Self> {
        let mut names = cut(to).0;
        names.extend_from_slice(rest);
        is_absolute(to).then_some(Written { names, slash: self.slash, adrift: false, dir: None })
    }

    /// Takes `..` away and follows links, where `links` are given.
    #[must_use]
    pub fn resolve(&self, links: Option<&Links<'_>>, last: Last) -> Absolute {
        let mut out: Vec<Value> = Vec::new();
        let mut certain: Option<usize> = None;
        let mut open = false;
        let mut budget = MAX_LINKS;
        let mut pending: VecDeque<Value> = self.names.iter().cloned().collect();
        let mut links = links.filter(|_| !self.adrift && pending.len() <= MAX_LOOKED_UP);
        // As text, as long as every name so far is known.
        let mut path = Some(PathBuf::from("/"));
        while let Some(name) = pending.pop_front() {
            open = false;
            // `..$X` as well: nobody names a file so, and somebody may have left `X` empty.
            if name.if_empty() == ".." && !name.has_glob() {
                out.pop();
                certain = if name.has_unknown() { Some(certain.unwrap_or(out.len())) } else { certain };
                certain = certain.map(|c| c.min(out.len()));
                path = known_path(&out);
                continue;
            }
            if is_unknown(&name) {
                certain = certain.or(Some(out.len()));
                open = true;
                path = None;
                continue;
            }
            if name.has_unknown() {
                certain = certain.or(Some(out.len()));
            }
            out.push(name);
            let Some(at) = links else { continue };
            if let Some(target) = process_link(&out, self.dir.as_deref()) {
                at.followed.set(true);
                match target {
                    Jump::To(names) => {
                        out.clear();
                        certain = certain.map(|_| 0);
                        names.into_iter().rev().for_each(|n| pending.push_front(n));
                        path = Some(PathBuf::from("/"));
                    }
                    Jump::Anywhere if pending.is_empty() => {}
                    Jump::Anywhere => {
                        out.clear();
                        certain = Some(0);
                        path = None;
                    }
                }
                continue;
            }
            match (path.as_mut(), out.last().and_then(Value::known)) {
                (Some(path), Some(name)) => path.push(name),
                _ => path = None,
            }
            let is_last = pending.is_empty();
            let Some(known) = path.as_ref().filter(|p| p.as_os_str().len() <= MAX_PATH) else { continue };
            if is_last && last == Last::Kept && !self.slash {
                continue;
            }
            let Some(target) = at.target(known) else { continue };
            at.followed.set(true);
            budget = budget.saturating_sub(1);
            if budget == 0 {
                links = None;
                continue;
            }
            let target = Value::from(&*target.to_string_lossy());
            let (names, _) = cut(&target);
            if is_absolute(&target) {
                out.clear();
            } else {
                out.pop();
            }
            names.into_iter().rev().for_each(|n| pending.push_front(n));
            path = known_path(&out);
        }
        Absolute { names: out, certain, slash: self.slash, open, adrift: self.adrift, here: true }
    }
}

fn known_path(names: &[Value]) -> Option<PathBuf> {
    if names.len() > MAX_LOOKED_UP {
        return None;
    }
    let mut path = PathBuf::from("/");
    for name in names {
        path.push(name.known()?);
    }
    Some(path)
}

/// Where a magic link below `/proc` or `/dev` leads.
enum Jump {
    To(Vec<Value>),
    /// Into an open file or directory, of which nothing is known.
    Anywhere,
}

fn process_link(names: &[Value], dir: Option<&Path>) -> Option<Jump> {
    if !matches!(names.first().and_then(Value::known), Some("dev" | "proc")) {
        return None;
    }
    let known: Vec<&str> = names.iter().map(|n| n.known().unwrap_or("?")).collect();
    let process = match known.as_slice() {
        ["dev", "fd", _] => return Some(Jump::Anywhere),
        ["proc", process, "root" | "cwd" | "fd", ..] => *process,
        ["proc", _, "task", thread, "root" | "cwd" | "fd", ..] => *thread,
        _ => return None,
    };
    let at = if known.get(2) == Some(&"task") { 4 } else { 2 };
    let behind = known.len() - at;
    match (known.get(at).copied(), behind) {
        (Some("fd"), 2) => Some(Jump::Anywhere),
        (Some("root"), 1) => Some(Jump::To(Vec::new())),
        // The first process, and most daemons, stand in `/`.
        (Some("cwd"), 1) if !process.is_empty() && process.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Jump::To(Vec::new()))
        }
        (Some("cwd"), 1) => Some(match dir {
            Some(dir) => Jump::To(cut(&Value::from(&*dir.to_string_lossy())).0),
            None => Jump::Anywhere,
        }),
        _ => None,
    }
}

/// On another machine nobody has expanded the tilde: any home is like the own one.
fn tilde(path: &Value, call: &Call, home: &Path) -> Option<Value> {
    if call.place == Place::Here {
        return None;
    }
    let rest = path.strip_prefix("~")?;
    let user = rest.known_start().split('/').next().unwrap_or_default().to_owned();
    let mut value = match user.as_str() {
        "" => Value::from(&*home.to_string_lossy()),
        "root" => Value::from("/root"),
        user => Value::from(format!("/home/{user}").as_str()),
    };
    value.append(&rest.strip_prefix(&user)?);
    Some(value)
}

/// Whether a path begins with `/`, what is unknown before it taken for empty. `${X:?}` is not: there the shell
/// stops. A working directory that is not known is not empty either, but may be `/`.
fn is_absolute(path: &Value) -> bool {
    for part in path.parts() {
        match part {
            Part::Unknown(unknown)
                if unknown.filled && !["$PWD", "$(pwd)"].contains(&unknown.written.as_str()) =>
            {
                return false;
            }
            Part::Unknown(_) => {}
            Part::Text(text) | Part::Glob(text) => return text.starts_with('/'),
        }
    }
    false
}

/// Whether a name has no known character.
#[must_use]
pub fn is_unknown(name: &Value) -> bool {
    !name.parts().is_empty() && name.parts().iter().all(|p| matches!(p, Part::Unknown(_)))
}

/// Whether a name stands for all that is in a directory, or for the directory: `*`, `.*`, `?*`, `.`, `..`.
#[must_use]
pub fn names_all(name: &Value) -> bool {
    let text = name.if_empty();
    let dots = matches!(&*text, "." | "..");
    dots || (name.has_glob()
        && !name.has_unknown()
        && text.contains('*')
        && text.chars().all(|c| matches!(c, '*' | '?' | '.'))
        || is_wide_class(&text) && name.has_glob())
}

/// `[!.]*`, `.[!.]*`, `[a-z]*`: most of what is there.
fn is_wide_class(text: &str) -> bool {
    let text = text.strip_prefix('.').unwrap_or(text);
    let Some((class, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) else { return false };
    rest == "*" && (class.starts_with(['!', '^']) || class.contains('-'))
}

/// The names of a path, `..` among them.
pub(super) fn names(path: &Value) -> Vec<Value> {
    cut(path).0
}

/// The names of a path, and whether a slash stands at its end. `.` and empty names are left out.
fn cut(path: &Value) -> (Vec<Value>, bool) {
    let mut names = Vec::new();
    let mut name = Value::default();
    let mut slash = false;
    let mut end = |name: &mut Value| {
        let done = std::mem::take(name);
        if done.parts().is_empty() || done.known() == Some(".") {
            return true;
        }
        names.push(done);
        false
    };
    for part in path.parts() {
        match part {
            Part::Text(text) => {
                for (i, piece) in text.split('/').enumerate() {
                    if i > 0 {
                        end(&mut name);
                    }
                    name.push_text(piece);
                }
            }
            Part::Glob(text) if text.contains('/') => {
                for (i, piece) in text.split('/').enumerate() {
                    if i > 0 {
                        end(&mut name);
                    }
                    if !piece.is_empty() {
                        name.push(Part::Glob(piece.to_owned()));
                    }
                }
            }
            other => name.push(other.clone()),
        }
    }
    slash |= end(&mut name);
    (names, slash)
}
