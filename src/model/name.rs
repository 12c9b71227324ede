//! Names that come from people, files and programs, checked once and carried as types.
//!
//! A name becomes part of a path, a tmux target and a command line, so each kind has an
//! allow-list; text that does not fit never turns into one of these types.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Why a text is no usable name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    /// What kind of name it was meant to be.
    pub kind: &'static str,
    /// The text, escaped and cut so that it can be shown.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", article(self.kind), self.kind, self.reason)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": `{}`", self.text) }
    }
}

impl std::error::Error for BadName {}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// The longest name taken, in bytes: a file name may have 255, and we add suffixes to it.
pub const MAX_NAME: usize = 200;

/// Untrusted text on one line, whole, with nothing in it that a terminal would obey.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out
}

/// Whether a terminal shows a character as itself, in its place: no control, and nothing that turns the line around.
#[must_use]
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Shows untrusted text on one line of bounded length.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() > 80 {
            out.push('…');
            break;
        }
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out
}

fn check(kind: &'static str, text: &str, extra: &str) -> Result<(), BadName> {
    let bad = |reason| Err(BadName { kind, text: shown(text), reason });
    if text.is_empty() {
        return bad("must not be empty");
    }
    if text.len() > MAX_NAME {
        return bad("must not be longer than 200 bytes");
    }
    // A leading dot hides a file and climbs (`..`); a leading dash reads as an option.
    if text.starts_with(['.', '-']) {
        return bad("must not start with `.` or `-`");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.as_bytes().contains(&b)) {
        return bad("may hold only letters, digits and a few of `.` `_` `-`");
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks a text against the allow-list of this kind of name.
            ///
            /// # Errors
            /// Says what the text has that such a name may not have.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                check($kind, &text, $extra)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// A task: the stem of its file (`add-login` of `inbox/add-login.md`).
    TaskId, "task id", "._-"
);
name_type!(
    /// A project: the name by which `depends_on` and people call it.
    ProjectName, "project name", "._-"
);
// No dot and no colon: both are syntax in a tmux target, and tmux renames them silently.
name_type!(
    /// A session: the name of its tmux session.
    SessionName, "session name", "_-"
);
name_type!(
    /// An account of the operator.
    AccountName, "account name", "._-"
);

/// A task with its project: `depends_on` and the command line write it `project:id`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// The project that holds it.
    pub project: ProjectName,
    /// The task.
    pub id: TaskId,
}

impl TaskRef {
    /// Reads `project:id`, or a bare `id` as a task of the project given.
    ///
    /// # Errors
    /// If either part is no usable name.
    pub fn parse(text: &str, project: &ProjectName) -> Result<Self, BadName> {
        match text.split_once(':') {
            Some((project, id)) => Ok(Self { project: ProjectName::new(project)?, id: TaskId::new(id)? }),
            None => Ok(Self { project: project.clone(), id: TaskId::new(text)? }),
        }
    }
}

impl fmt::Display for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.project, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for bad in ["", ".", "..", "../x", "a/b", "-rf", "a b", "a\nb", "$(id)", "a'b", "a\"b", "é"] {
            assert!(TaskId::new(bad).is_err(), "{bad:?} was taken");
        }
        assert!(TaskId::new("x".repeat(201)).is_err());
        assert!(TaskId::new("20260101-120000-add_login.v2").is_ok());
    }

    #[test]
    fn a_session_name_has_no_tmux_syntax() {
        assert!(SessionName::new("ccl-1.2").is_err());
        assert!(SessionName::new("ccl:1").is_err());
        assert!(SessionName::new("ccl-auto-11").is_ok());
    }

    #[test]
    fn shown_text_stays_on_one_line() {
        assert_eq!(shown("a\nb"), "a\\nb");
        assert!(shown(&"x".repeat(500)).len() < 100);
        let long = format!("/{}/\u{1b}[31m\n\u{202e}é", "x".repeat(500));
        assert_eq!(printable(&long), format!("/{}/\\u{{1b}}[31m\\n\\u{{202e}}é", "x".repeat(500)));
    }
}
