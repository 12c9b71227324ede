//! Which steps make a home ready, and what is never done without being told. Pure.

use std::path::{Path, PathBuf};

use crate::model::refusal::Refusal;

use super::{Link, LinkState, Place, TargetState, count};

/// What may be done with what is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// A home that was in use is taken over: its conversations move into the shared tree.
    pub adopt: bool,
    /// … even where the tree holds others.
    pub merge: bool,
}

/// One step that makes a home ready. Each is safe to repeat and to be killed after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes a directory, 0700.
    MakeDir(PathBuf),
    /// Takes everybody else's rights to a directory.
    Close(PathBuf),
    /// Makes a link where nothing is.
    Link {
        /// The link.
        path: PathBuf,
        /// What it points to.
        target: PathBuf,
    },
    /// Puts a link in the place of another.
    Relink {
        /// The link.
        path: PathBuf,
        /// What it points to.
        target: PathBuf,
    },
    /// Moves a directory into the tree and leaves a link, in one step for whoever looks.
    Move {
        /// The directory.
        path: PathBuf,
        /// Its new place.
        target: PathBuf,
    },
    /// Exchanges a directory with the empty one in the tree.
    Swap {
        /// The directory.
        path: PathBuf,
        /// Its new place.
        target: PathBuf,
    },
    /// Moves file by file into a directory that has others; of two with one name the larger stays, the
    /// other is parked.
    Merge {
        /// The directory.
        path: PathBuf,
        /// Where its files go.
        target: PathBuf,
        /// Where the smaller of two goes.
        parked: PathBuf,
    },
    /// Moves an empty directory out of the way.
    Park {
        /// The directory.
        path: PathBuf,
        /// Where it goes, or beside it with a number.
        parked: PathBuf,
    },
    /// Adds what is missing to the home's `.claude.json`.
    Seed {
        /// The file.
        path: PathBuf,
        /// The keys.
        keys: Vec<String>,
        /// The file that some of them are taken from.
        from: Option<PathBuf>,
    },
}

impl Step {
    /// Whether it puts something else in a place that is in use: never under a live client.
    #[must_use]
    pub fn disturbs(&self) -> bool {
        !matches!(self, Self::MakeDir(_) | Self::Close(_) | Self::Link { .. })
    }

    /// What it acts on.
    #[must_use]
    pub fn subject(&self) -> &Path {
        match self {
            Self::MakeDir(path) | Self::Close(path) => path,
            Self::Link { path, .. }
            | Self::Relink { path, .. }
            | Self::Move { path, .. }
            | Self::Swap { path, .. }
            | Self::Merge { path, .. }
            | Self::Park { path, .. }
            | Self::Seed { path, .. } => path,
        }
    }

    /// What is done, and what was done.
    #[must_use]
    pub fn verbs(&self) -> (&'static str, &'static str) {
        match self {
            Self::MakeDir(_) => ("would make", "made"),
            Self::Close(_) => ("would close", "closed"),
            Self::Link { .. } => ("would link", "linked"),
            Self::Relink { .. } => ("would relink", "relinked"),
            Self::Move { .. } | Self::Swap { .. } => ("would move", "moved"),
            Self::Merge { .. } => ("would merge", "merged"),
            Self::Park { .. } => ("would park", "parked"),
            Self::Seed { .. } => ("would add to", "added to"),
        }
    }

    /// How it is done.
    #[must_use]
    pub fn how(&self) -> String {
        let to = |target: &Path| format!("to `{}`", target.display());
        match self {
            Self::MakeDir(_) => "a directory of mode 0700".to_owned(),
            Self::Close(_) => "mode 0700: nobody else may look into it".to_owned(),
            Self::Link { target, .. } | Self::Relink { target, .. } => to(target),
            Self::Move { target, .. } => format!("{}, with a link in its place", to(target)),
            Self::Swap { target, .. } => format!("{}, in exchange for the empty one", to(target)),
            Self::Merge { target, parked, .. } => {
                let how = "file by file; of two with one name the smaller goes";
                format!("into `{}`, {how} {}", target.display(), to(parked))
            }
            Self::Park { parked, .. } => format!("{}: no file is in it", to(parked)),
            Self::Seed { keys, from, .. } => {
                let from = from.as_ref().map(|f| format!(", from `{}`", f.display())).unwrap_or_default();
                format!("what is missing: {}{from}", keys.join(", "))
            }
        }
    }
}

fn refuse<T>(why: String, hint: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { why, hint: hint.into() })
}

/// The steps for the directory itself.
///
/// # Errors
/// If it cannot be a home of ours.
pub fn plan_place(home: &Path, place: &Place) -> Result<Vec<Step>, Refusal> {
    match place {
        Place::Missing => Ok(vec![Step::MakeDir(home.to_owned())]),
        Place::Odd => refuse(format!("not a directory: `{}`", home.display()), "name another directory"),
        Place::Foreign { uid } => {
            refuse(format!("belongs to user {uid}, not to us: `{}`", home.display()), "run as that user")
        }
        Place::Ours { mode } if mode & 0o077 != 0 => Ok(vec![Step::Close(home.to_owned())]),
        Place::Ours { .. } => Ok(Vec::new()),
    }
}

/// The steps for one of the shared directories.
///
/// # Errors
/// If something is in the way that nobody has allowed to be moved.
pub fn plan_link(link: &Link, parked: &Path, how: How) -> Result<Vec<Step>, Refusal> {
    let (path, target) = (link.path.clone(), link.target.clone());
    let shown = path.display();
    let make = || match link.there {
        TargetState::Absent => vec![Step::MakeDir(link.target.clone())],
        _ => Vec::new(),
    };
    let then = |step: Step| {
        let mut steps = make();
        steps.push(step);
        steps
    };
    if link.there == TargetState::Odd {
        return refuse(
            format!("not a directory: `{}`", target.display()),
            "move it away, or name another place as `pool.shared_projects_dir`",
        );
    }
    match &link.state {
        LinkState::Linked | LinkState::Itself => Ok(Vec::new()),
        LinkState::Missing => Ok(then(Step::Link { path, target })),
        LinkState::Dangling { to } if *to == target => Ok(make()),
        LinkState::Dangling { .. } | LinkState::Loop => Ok(then(Step::Relink { path, target })),
        LinkState::Wrong { files: 0, .. } => Ok(then(Step::Relink { path, target })),
        LinkState::Wrong { to, files } => {
            let (to, name) = (to.display(), link.name);
            let hint = if name == "projects" {
                format!("if that is the tree that all accounts share: `pool.shared_projects_dir: {to}`")
            } else {
                format!("move what is in it to `{}`, then remove the link", target.display())
            };
            refuse(format!("leads to `{to}`, which holds {}: `{shown}`", count(*files, "file")), hint)
        }
        LinkState::File => refuse(format!("not a directory: `{shown}`"), "move it away"),
        LinkState::Shadowed { files: 0, .. } if link.there != TargetState::Absent => {
            Ok(vec![Step::Park { path: path.clone(), parked: parked.to_owned() }, Step::Link { path, target }])
        }
        LinkState::Shadowed { files, .. } if *files > 0 && !how.adopt => refuse(
            format!("holds {} of its own: `{shown}`", count(*files, "file")),
            "`--adopt` moves them into the tree that all accounts share; it prints the plan first",
        ),
        LinkState::Shadowed { .. } if !link.same_disk => refuse(
            format!("lies on another file system than `{}`: `{shown}`", target.display()),
            "set `pool.shared_projects_dir` to a directory on that file system",
        ),
        LinkState::Shadowed { files, .. } => {
            let park = Step::Park { path: path.clone(), parked: parked.to_owned() };
            let relink = Step::Link { path: path.clone(), target: target.clone() };
            match link.there {
                TargetState::Empty => Ok(vec![Step::Swap { path, target }, park, relink]),
                TargetState::Full if how.merge => {
                    let merge = Step::Merge { path, target, parked: parked.to_owned() };
                    Ok(vec![merge, park, relink])
                }
                TargetState::Full => refuse(
                    format!("holds {}, and so does `{}`: `{shown}`", count(*files, "file"), link.target.display()),
                    "`--adopt --merge` puts them together; it deletes nothing, and prints the plan first",
                ),
                _ => Ok(vec![Step::Move { path, target }]),
            }
        }
    }
}
