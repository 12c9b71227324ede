//! Which places nobody deletes or opens to everybody: the system's, the homes, the operator's.

use super::absolute::{Absolute, names_all};
use super::names::{could_be, could_be_above, could_equal, could_start, starts};
use super::{Paths, Value};

/// Protected with everything below.
const SYSTEM: &[&str] =
    &["etc", "var", "usr", "boot", "bin", "sbin", "opt", "root", "lib", "lib32", "lib64", "libx32", "libexec"];

/// Protected themselves, but not what is below them (for `/home`, see `homes`).
const TOP: &[&str] = &[
    "home",
    "srv",
    "run",
    "dev",
    "mnt",
    "media",
    "proc",
    "sys",
    "tmp",
    "snap",
    "nix",
    "efi",
    "selinux",
    "lost+found",
    "vmlinuz",
    "initrd.img",
];

/// Directories of temporary files: their contents are anybody's.
const TEMPORARY: &[&[&str]] = &[&["tmp"], &["var", "tmp"]];

/// First-level entries of a home whose contents are made again when they are missed.
const CACHES: &[&str] = &[
    ".cache",
    ".npm",
    ".yarn",
    ".pnpm-store",
    ".gradle",
    ".m2",
    ".nuget",
    ".cargo",
    ".rustup",
    ".ccache",
    ".conan",
    ".ivy2",
    ".sbt",
    ".thumbnails",
    ".tmp",
    "tmp",
    "temp",
    "cache",
    "go",
];

/// System directories in which a session's directory frees nothing, however deep it is.
const NEVER_FREE: &[&str] =
    &["etc", "boot", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "proc", "sys", "dev"];

/// Directories of which the same is true, unless the session's directory is further below.
const NEVER_FREE_THEMSELVES: &[(&str, &[&str])] = &[
    ("var", &["lib", "log", "cache", "spool", "run", "lock", "backups", "mail", "local", "opt"]),
    ("usr", &["bin", "sbin", "lib", "lib32", "lib64", "libexec", "share", "include", "local", "games", "src"]),
];

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/`, or all that is in it.
    Root,
    /// A system directory, or something below one.
    System,
    /// Another directory at the top.
    Top,
    /// Something that the operator has named.
    Operator,
    /// A directory above the own home.
    AboveHome,
    /// The own home, or all that is in it.
    Home,
    /// A first-level entry of the own home, or all that is in one.
    HomeEntry,
    /// Another user's home.
    OtherHome,
}

impl Kind {
    /// For people, behind a path and a comma.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Kind::Root => "the root of the file system",
            Kind::System => "which belongs to the system",
            Kind::Top => "a directory at the top of the file system",
            Kind::Operator => "which the operator protects",
            Kind::AboveHome => "which the home is in",
            Kind::Home => "the home",
            Kind::HomeEntry => "which stands directly in the home",
            Kind::OtherHome => "which belongs to another user",
        }
    }

    /// Whether it is about the own home.
    #[must_use]
    pub fn is_home(self) -> bool {
        matches!(self, Kind::Home | Kind::HomeEntry)
    }
}

/// A protected place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Whether it is that only if something unknown turns out to be empty, or to end in a certain way.
    pub unresolved: bool,
}

/// How much is done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To it alone (`rm`, `> file`).
    Alone,
    /// To it and everything below.
    Everything,
}

/// Whether the contents of a session's directory are free, if a system directory is above it.
#[must_use]
pub fn frees_its_contents(dir: &[String]) -> bool {
    let (Some(top), Some(second)) = (dir.first(), dir.get(1)) else { return false };
    if NEVER_FREE.contains(&top.as_str()) {
        return false;
    }
    let closed = NEVER_FREE_THEMSELVES.iter().any(|(above, names)| {
        top == above && names.contains(&second.as_str()) && (dir.len() == 2 || (top == "usr" && !is_source(dir)))
    });
    !closed
}

/// `/usr/src/app`, `/usr/local/src/app`.
fn is_source(dir: &[String]) -> bool {
    let names: Vec<&str> = dir.iter().map(String::as_str).collect();
    matches!(names.as_slice(), ["usr", "src", _, ..] | ["usr", "local", "src", _, ..])
}

impl Paths<'_> {
    /// What is protected about a path, if anything.
    #[must_use]
    pub fn protected_place(&self, path: &Absolute, depth: Depth) -> Option<Found> {
        if path.adrift {
            return None;
        }
        let certain = path.certain.and_then(|count| path.names.get(..count));
        if certain.is_some_and(|names| self.frees(names, true)) {
            return None;
        }
        let kind = self.kind(path, depth)?;
        let sure = match certain {
            None => true,
            Some(names) => self.whatever_follows(names),
        };
        if sure {
            return Some(Found { kind, unresolved: false });
        }
        // One file of an unknown name: `rm -f "$DIR/$FILE"`.
        let one_file = depth == Depth::Alone && path.open;
        (!one_file).then_some(Found { kind, unresolved: true })
    }

    /// Whether everything below these names is protected.
    fn whatever_follows(&self, names: &[Value]) -> bool {
        let system = names.first().is_some_and(|top| SYSTEM.iter().any(|s| top.known() == Some(s)));
        let other = names.len() >= 2 && self.is_other_home(names);
        let own = self.home.iter().any(|home| starts(names, home));
        let operator = self.protected.iter().any(|dir| starts(names, dir));
        operator || (system && !own) || other
    }

    fn kind(&self, path: &Absolute, depth: Depth) -> Option<Kind> {
        let names = path.names.as_slice();
        let everything = depth == Depth::Everything;
        let Some(top) = names.first() else { return Some(Kind::Root) };
        if self.exceptions.iter().any(|dir| names.len() > dir.len() && starts(names, dir)) {
            return None;
        }
        if self.protected.iter().any(|dir| could_start(names, dir) || (everything && could_be_above(names, dir))) {
            return Some(Kind::Operator);
        }
        let all = names.last().is_some_and(names_all);
        if names.len() == 1 && all {
            return Some(Kind::Root);
        }
        if let Some(home) = self.home.iter().find_map(|home| self.home_kind(names, home, everything, all)) {
            return home;
        }
        if self.frees(names, false) {
            return None;
        }
        if could_be(top, "home") && names.len() >= 2 && (path.here || names.len() <= 3) {
            return Some(Kind::OtherHome);
        }
        if !path.here && could_be(top, "root") && names.len() > 2 {
            return None;
        }
        if SYSTEM.iter().any(|system| could_be(top, system)) {
            return Some(Kind::System);
        }
        (names.len() == 1 && TOP.iter().any(|name| could_be(top, name))).then_some(Kind::Top)
    }

    /// The inner `None`: in the own home, and free. The outer: not in it.
    fn home_kind(&self, names: &[Value], home: &[String], everything: bool, all: bool) -> Option<Option<Kind>> {
        if names.len() <= home.len() {
            let kind = if could_equal(names, home) { Some(Kind::Home) } else { None };
            let kind = kind.or(could_be_above(names, home).then_some(Kind::AboveHome));
            return kind.filter(|_| everything).map(Some);
        }
        let certain = starts(names, home);
        if !certain && !could_start(names, home) {
            return None;
        }
        let below = names.get(home.len()..).unwrap_or_default();
        let kind = match below {
            [_] if all => Some(Kind::Home),
            [_] if everything => Some(Kind::HomeEntry),
            [entry, _] if all && everything => {
                let cache = CACHES.iter().any(|c| entry.known() == Some(c));
                (!cache && !self.frees(names, false)).then_some(Kind::HomeEntry)
            }
            _ => None,
        };
        match kind {
            // `/home/*/x` is not only about the own one.
            None if !certain => None,
            kind => Some(kind),
        }
    }

    /// Whether a path is below a directory whose contents are free; with `or_it`, or is that directory.
    fn frees(&self, names: &[Value], or_it: bool) -> bool {
        let below = |len: usize| names.len() + usize::from(or_it) > len;
        let temporary = TEMPORARY.iter().any(|dir| {
            let same = names.iter().zip(dir.iter()).enumerate();
            // `/v*/tmp/x` is below `/var/tmp` if it is anything at all.
            let mut same =
                same.map(
                    |(i, (name, want))| {
                        if i + 1 == dir.len() { name.known() == Some(want) } else { could_be(name, want) }
                    },
                );
            below(dir.len()) && names.len() >= dir.len() && same.all(|s| s)
        });
        let session = self.free.iter().any(|dir| below(dir.len()) && starts(names, dir));
        let operator = self.exceptions.iter().any(|dir| below(dir.len()) && starts(names, dir));
        let cache = or_it
            && self.home.iter().any(|home| {
                let entry = names.get(home.len()).and_then(Value::known);
                starts(names, home) && entry.is_some_and(|entry| CACHES.contains(&entry))
            });
        let in_home = |names: &[Value]| self.home.iter().any(|home| starts(names, home));
        // A home below a temporary directory is still a home.
        (temporary && !in_home(names)) || session || operator || cache
    }

    fn is_other_home(&self, names: &[Value]) -> bool {
        let own = self.home.iter().any(|home| could_start(names, home) || could_be_above(names, home));
        names.first().is_some_and(|top| top.known() == Some("home")) && names.len() >= 2 && !own
    }
}
