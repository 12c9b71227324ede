//! Files that nobody writes for an agent: settings and hooks, keys, start files, what runs as root.

use super::absolute::Absolute;
use super::names::{could_be, could_be_above, could_equal, could_start, starts};
use super::{Paths, Value};

/// Start files of a shell, in a home and in `/etc/skel`.
const START_FILES: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
];

/// Keys that let somebody in, in a home's `.ssh`.
const KEYS: &[&str] = &["authorized_keys", "authorized_keys2"];

/// Files and directories of the system, with everything below: what root's programs or every shell read.
const SYSTEM: &[(&str, &[&str])] = &[
    ("a list of who may become root", &["etc", "sudoers"]),
    ("a list of who may become root", &["etc", "sudoers.d"]),
    ("units that root's processes are started from", &["etc", "systemd"]),
    ("the managed settings of the client", &["etc", "claude-code"]),
    ("a start file of every shell", &["etc", "profile"]),
    ("a start file of every shell", &["etc", "profile.d"]),
    ("a start file of every shell", &["etc", "bash.bashrc"]),
    ("a start file of every shell", &["etc", "bashrc"]),
    ("a start file of every shell", &["etc", "zsh"]),
    ("a start file of every shell", &["etc", "zshrc"]),
    ("a start file of every shell", &["etc", "zshenv"]),
    ("a start file of every shell", &["etc", "zprofile"]),
    ("a start file of every shell", &["etc", "fish"]),
];

const SETTINGS: &str = "settings of the client, which decide what it may do";
const HOOKS: &str = "hooks of the client, which watch over it";
const OURS: &str = "part of claude-failover";
const KEY: &str = "a list of keys that let somebody in";
const START: &str = "a start file of a shell";

/// What is done to a path, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One file is written, or one name removed.
    File,
    /// It is put in place with whatever is in it: copied, moved or linked there.
    Tree,
    /// Its mode is changed.
    Mode,
    /// It goes, or changes, with everything below.
    Away,
}

impl Paths<'_> {
    /// What is protected about a path, if anything: for people, behind a path and a comma.
    #[must_use]
    pub fn protected_file(&self, path: &Absolute, reach: Reach) -> Option<&'static str> {
        let names = path.names.as_slice();
        if names.is_empty() {
            return None;
        }
        if !path.adrift && path.here {
            if let Some(what) = self.ours(names, reach) {
                return Some(what);
            }
            if self.exceptions.iter().any(|dir| names.len() > dir.len() && starts(names, dir)) {
                return None;
            }
        }
        if let Some(what) = client(names, path.open, reach) {
            return Some(what);
        }
        if path.adrift {
            return None;
        }
        self.in_a_home(names, reach).or_else(|| system(names, reach))
    }

    fn ours(&self, names: &[Value], reach: Reach) -> Option<&'static str> {
        let ours =
            |dir: &Vec<String>| could_start(names, dir) || (reach == Reach::Away && could_be_above(names, dir));
        if self.ours.iter().any(ours) {
            return Some(OURS);
        }
        self.account_homes.iter().find_map(|home| {
            if reach != Reach::File && could_equal(names, home) {
                return Some(SETTINGS);
            }
            if !could_start(names, home) {
                return None;
            }
            in_client_directory(names.get(home.len()..).unwrap_or_default(), reach)
        })
    }

    fn in_a_home(&self, names: &[Value], reach: Reach) -> Option<&'static str> {
        let below = |len: usize| in_home(names.get(len..).unwrap_or_default(), reach);
        let own = self.home.iter().filter(|home| could_start(names, home)).find_map(|home| below(home.len()));
        let skel = || could_start(names, &["etc", "skel"]).then(|| below(2)).flatten();
        let root = || could_start(names, &["root"]).then(|| below(1)).flatten();
        // `/home/<anybody>`; the session's own directory there may be a project's.
        let users = || could_start(names, &["home"]).then(|| below(2)).flatten();
        own.or_else(root).or_else(users).or_else(skel)
    }
}

/// Below a home.
fn in_home(below: &[Value], reach: Reach) -> Option<&'static str> {
    let is = |i: usize, want: &[&str]| below.get(i).is_some_and(|name| want.iter().any(|w| could_be(name, w)));
    match below.len() {
        1 if is(0, START_FILES) => Some(START),
        // Its mode is what everybody is told to set.
        1 if matches!(reach, Reach::Tree | Reach::Away) && is(0, &[".ssh"]) => {
            Some("the directory of the keys that let somebody in")
        }
        2 if is(0, &[".ssh"]) && is(1, KEYS) => Some(KEY),
        2 if matches!(reach, Reach::Tree | Reach::Away) && is(0, &[".config"]) && is(1, &["fish"]) => Some(START),
        3 if is(0, &[".config"]) && is(1, &["fish"]) && is(2, &["config.fish", "conf.d"]) => Some(START),
        4 if is(0, &[".config"]) && is(1, &["fish"]) && is(2, &["conf.d"]) => Some(START),
        _ => None,
    }
}

fn system(names: &[Value], reach: Reach) -> Option<&'static str> {
    let found = SYSTEM.iter().find(|(_, dir)| could_start(names, dir));
    let skel = reach != Reach::File
        && names.len() == 2
        && names.iter().zip(["etc", "skel"]).all(|(name, want)| could_be(name, want));
    found.map(|(what, _)| *what).or(skel.then_some(START))
}

/// The client's own directory in any project or home.
fn client(names: &[Value], open: bool, reach: Reach) -> Option<&'static str> {
    for (i, name) in names.iter().enumerate() {
        if !could_be(name, ".claude") {
            continue;
        }
        let below = names.get(i + 1..).unwrap_or_default();
        // A file of any name in it could be its settings.
        if below.is_empty() && (open || reach != Reach::File) {
            return Some(SETTINGS);
        }
        if let Some(what) = in_client_directory(below, reach) {
            return Some(what);
        }
    }
    None
}

fn in_client_directory(below: &[Value], reach: Reach) -> Option<&'static str> {
    match below {
        [] => None,
        // A pattern that could be the directory's name is nothing to a program that writes files.
        [name] if could_be(name, "hooks") && (reach != Reach::File || name.known().is_some()) => Some(HOOKS),
        [name] => is_settings(name).then_some(SETTINGS),
        [name, ..] => could_be(name, "hooks").then_some(HOOKS),
    }
}

/// `settings*.json`.
fn is_settings(name: &Value) -> bool {
    match name.known() {
        Some(known) => known.starts_with("settings") && known.ends_with(".json"),
        None => ["settings.json", "settings.local.json"].iter().any(|want| could_be(name, want)),
    }
}
