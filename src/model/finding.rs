//! One thing that is not as it should be: how bad, what was seen, what to do about it. Pure.

use serde::{Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

use super::home::plan::Step;
use super::name::AccountName;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It will be in the way some day.
    Warning,
    /// Something cannot be used, or does not work.
    Fault,
}

impl Severity {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: an account, a session, a project, a part of the machine.
    pub subject: String,
    /// The account, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// What kind of thing: does not change between versions.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What was seen, where the message alone does not say it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What to do about it.
    pub remedy: String,
    /// What `doctor --fix` would do about it: nothing that could lose anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<Fix>,
}

impl Finding {
    /// A finding without evidence of its own.
    #[must_use]
    pub fn new(
        severity: Severity,
        subject: impl ToString,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.to_string(),
            account: None,
            code,
            severity,
            message: message.into(),
            evidence: Vec::new(),
            remedy: remedy.into(),
            fixes: Vec::new(),
        }
    }

    /// A fault.
    #[must_use]
    pub fn fault(
        subject: impl ToString,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Fault, subject, code, message, remedy)
    }

    /// A warning.
    #[must_use]
    pub fn warning(
        subject: impl ToString,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, subject, code, message, remedy)
    }

    /// Good to know.
    #[must_use]
    pub fn info(
        subject: impl ToString,
        code: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Info, subject, code, message, remedy)
    }

    /// Adds what was seen.
    #[must_use]
    pub fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// Adds what `doctor --fix` does.
    #[must_use]
    pub fn fixed_by(mut self, fixes: impl IntoIterator<Item = Fix>) -> Self {
        self.fixes.extend(fixes);
        self
    }
}

/// One safe step of `doctor --fix`: repeated, or killed half way, it does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Makes a directory with this mode.
    MakeDir {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Changes the mode of a file or directory of ours.
    Mode {
        /// The file.
        path: PathBuf,
        /// The mode that it gets.
        mode: u32,
    },
    /// Makes a lock file.
    LockFile {
        /// The file.
        path: PathBuf,
    },
    /// Makes the file that keeps some room free.
    Reserve {
        /// The state directory.
        state: PathBuf,
    },
    /// Makes the links that are missing in the home of an account.
    Home {
        /// The account.
        account: AccountName,
        /// Its home.
        home: PathBuf,
        /// What is made.
        steps: Vec<Step>,
    },
    /// Puts the guard into a project again.
    Hook {
        /// The project's directory.
        project: PathBuf,
    },
    /// Moves a damaged file of the state directory aside; nothing is deleted.
    Quarantine {
        /// The file.
        path: PathBuf,
        /// The state directory.
        state: PathBuf,
    },
}

impl Fix {
    /// What it acts on.
    #[must_use]
    pub fn subject(&self) -> &Path {
        match self {
            Self::MakeDir { path, .. }
            | Self::Mode { path, .. }
            | Self::LockFile { path }
            | Self::Quarantine { path, .. } => path,
            Self::Reserve { state } => state,
            Self::Home { home, .. } => home,
            Self::Hook { project } => project,
        }
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeDir { path, mode } => write!(f, "make directory `{}` (mode {mode:o})", path.display()),
            Self::Mode { path, mode } => write!(f, "chmod {mode:o} `{}`", path.display()),
            Self::LockFile { path } => write!(f, "make lock file `{}`", path.display()),
            Self::Reserve { state } => write!(f, "keep 64 KiB free for a full disk in `{}`", state.display()),
            Self::Home { steps, .. } => {
                let step = |s: &Step| {
                    let verb = s.verbs().0.trim_start_matches("would ");
                    format!("{verb} `{}` ({})", s.subject().display(), s.how())
                };
                f.write_str(&steps.iter().map(step).collect::<Vec<_>>().join(", "))
            }
            Self::Hook { project } => write!(f, "put the guard into `{}`", project.display()),
            Self::Quarantine { path, state } => {
                write!(f, "move `{}` into `{}`", path.display(), state.join("quarantine").display())
            }
        }
    }
}

impl Serialize for Fix {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
