//! What people are told of: events, how grave each is, and how it is named.
//!
//! An event's id comes from what happened, not from when it was noted: noted twice by a run that was killed
//! and the one after it, it is one file in the outbox and one message.

pub mod answer;
pub mod plan;
pub mod policy;
pub mod quiet;
pub mod record;
pub mod template;
pub mod text;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Format version of an event's file.
pub const EVENT_VERSION: u32 = 1;

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Goes as it should.
    Info,
    /// Worth knowing.
    Notice,
    /// Something does not go on as it should.
    Warning,
    /// Nothing goes on, or nothing is guarded, until a person acts.
    Critical,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// From 1 to 5, as push services count.
    #[must_use]
    pub fn priority(self) -> u8 {
        match self {
            Self::Info => 2,
            Self::Notice => 3,
            Self::Warning => 4,
            Self::Critical => 5,
        }
    }

    /// As syslog counts: 2 is critical, 6 informational.
    #[must_use]
    pub fn syslog(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Notice => 5,
            Self::Warning => 4,
            Self::Critical => 2,
        }
    }

    /// As a desktop calls it.
    #[must_use]
    pub fn urgency(self) -> &'static str {
        match self {
            Self::Info => "low",
            Self::Notice | Self::Warning => "normal",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident;)*) => {
        /// What kind of event it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $text)] $name,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in the configuration, the log and messages.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How grave it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

kinds!(
    /// New sessions start on another account, and all that should have moved.
    SwitchDone = "switch.done", Notice;
    /// Sessions followed that could not move with the others.
    SwitchMoved = "switch.moved", Info;
    /// A switch left sessions behind, or could not do all of its end.
    SwitchPartial = "switch.partial", Warning;
    /// No account took the sessions: each is back where it was.
    SwitchRolledBack = "switch.rolled_back", Critical;
    /// An account that sessions were moved to does not work.
    AccountRefused = "account.refused", Warning;
    /// Every account is exhausted.
    Exhausted = "account.exhausted", Critical;
    /// A login is over, missing or refused: it needs a person and a browser.
    LoginExpired = "login.expired", Critical;
    /// A login ends within days.
    LoginEnding = "login.ending", Warning;
    /// A task is done.
    TaskDone = "task.done", Info;
    /// A try of a task failed; it is tried again.
    TaskRetried = "task.retried", Info;
    /// A task is given up.
    TaskGivenUp = "task.given_up", Warning;
    /// A session died and was brought back.
    SessionResumed = "session.resumed", Info;
    /// A session died and is not brought back.
    SessionLost = "session.lost", Warning;
    /// A session waits for a person: a permission, a dialog, a login.
    SessionWaiting = "session.waiting", Notice;
    /// A session shows no sign of life.
    SessionStalled = "session.stalled", Warning;
    /// A session runs without its guard, or was ended because it did.
    GuardBroken = "guard.broken", Critical;
    /// A unit of the service manager failed.
    UnitFailed = "unit.failed", Warning;
);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What of a line of the log is told to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The kind of event.
    pub kind: Kind,
    /// What tells it from others of its kind: an attempt of a task, a switch, an hour.
    pub key: String,
}

impl Telling {
    /// An event of a kind, told from others by a key.
    #[must_use]
    pub fn new(kind: Kind, key: impl Into<String>) -> Self {
        Self { kind, key: key.into() }
    }
}

impl Serialize for Telling {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.kind.as_str())
    }
}

/// Something that happened, as it waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Format version of the file.
    pub version: u32,
    /// Its id and the name of its file: see [`event_id`].
    pub id: String,
    /// What kind of event it is.
    pub kind: Kind,
    /// When it was noted.
    pub at: Timestamp,
    /// What happened, in our words.
    pub what: String,
    /// Why. May hold words of tasks and programs.
    pub why: String,
    /// What it is about: a task, a session, an account, a unit. Empty if it is about all.
    #[serde(default)]
    pub subject: String,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The targets that there were for it when it was noted: one that is configured later is not told what is old by
    /// then. All if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

impl Event {
    /// Whether it was noted for a target.
    #[must_use]
    pub fn is_for(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target)
    }

    /// How grave it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// What two events have in common of which the second is no news: kind and subject.
    #[must_use]
    pub fn likeness(&self) -> String {
        format!("{}/{}", self.kind, self.subject)
    }
}

/// The id of an event: its kind, and a number made of what it is about. The same event has the same id,
/// whichever run notes it; it is a file name whatever the key holds.
#[must_use]
pub fn event_id(telling: &Telling, subject: &str) -> String {
    let number = hash(&[telling.kind.as_str(), subject, &telling.key]);
    format!("{}-{number:016x}", telling.kind.as_str().replace(['.', '_'], "-"))
}

/// Whether an event of this id is something that lasts, which every look notes again under the same id.
#[must_use]
pub fn lasts(id: &str) -> bool {
    ["login-", "account-exhausted-"].iter().any(|kind| id.starts_with(kind))
}

/// Whether a text is the id of an event, and so a file name.
#[must_use]
pub fn is_event_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 80
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
}

/// A number made of texts, the same in every version and on every machine (FNV-1a, 64 bits).
#[must_use]
pub fn hash(parts: &[&str]) -> u64 {
    let mut number: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        // A separator that no text holds: `a`, `bc` is not `ab`, `c`.
        for byte in part.bytes().chain([0xff]) {
            number = (number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    number
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event of a kind, about something, so many seconds after the beginning of time.
    pub fn event(kind: Kind, subject: &str, second: i64) -> Event {
        let telling = Telling::new(kind, second.to_string());
        Event {
            version: EVENT_VERSION,
            id: event_id(&telling, subject),
            kind,
            at: Timestamp::from_second(second).unwrap(),
            what: "gave a task up".to_owned(),
            why: "it failed".to_owned(),
            subject: subject.to_owned(),
            session: None,
            task: Some(subject.to_owned()),
            account: None,
            project: None,
            targets: Vec::new(),
        }
    }

    #[test]
    fn an_id_is_a_file_name_and_tells_events_apart() {
        let id = |kind, key: &str, subject: &str| event_id(&Telling::new(kind, key), subject);
        let one = id(Kind::TaskGivenUp, "3", "app:../../x y");
        assert!(is_event_id(&one) && one.starts_with("task-given-up-"), "{one}");
        assert_eq!(one, id(Kind::TaskGivenUp, "3", "app:../../x y"));
        assert_ne!(one, id(Kind::TaskGivenUp, "4", "app:../../x y"));
        assert_ne!(id(Kind::TaskDone, "a", "bc"), id(Kind::TaskDone, "ca", "b"));
        for bad in ["", "..", "a/b", "-a", "A", &"a".repeat(81)] {
            assert!(!is_event_id(bad), "{bad}");
        }
    }

    #[test]
    fn names_of_kinds_are_read_back() {
        for kind in Kind::ALL {
            let text = serde_json::to_string(kind).unwrap();
            assert_eq!(text, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<Kind>(&text).unwrap(), *kind);
        }
    }
}
