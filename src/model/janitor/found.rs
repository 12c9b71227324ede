//! What there is, and what is known of whose it is: the input of the plan.

use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::front_matter::OutcomeResult;
use crate::model::name::{ProjectName, SessionName, TaskId, TaskRef};

/// A file as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When its content was last written.
    pub written: Timestamp,
    /// When it was last written, moved or had its permissions changed.
    pub changed: Timestamp,
    /// What tells it from what it is after any change: made of its place, identity, size and times.
    pub mark: u64,
}

impl Seen {
    /// Its name, without the directory.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Which file of a session's events it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// The one that hooks append to.
    Current,
    /// One that was put aside.
    Rotated,
    /// The last report of the status line.
    StatusLine,
}

/// Where the file of a task lies that has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// In the queue, or it cannot be seen.
    Queue,
    /// In the archive alone.
    Archive,
    /// In neither.
    Nowhere,
}

/// A tmux session whose first process was started by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// Its name.
    pub session: SessionName,
    /// Whether anything runs in it.
    pub alive: bool,
    /// Whether a terminal is attached to it.
    pub attached: bool,
    /// When something last moved in it.
    pub activity: Option<Timestamp>,
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub enum Found {
    /// A claimed task.
    Claimed {
        /// The task.
        task: TaskRef,
        /// Its project's directory.
        project: PathBuf,
        /// Its file.
        seen: Seen,
        /// Whether a task of the same id waits as well.
        twin: bool,
        /// A session that once had it and that is not at rest.
        busy: Option<SessionName>,
        /// A session that the project's status names, and that this state does not know.
        elsewhere: Option<String>,
    },
    /// A finished task.
    Ended {
        /// Its project.
        project: ProjectName,
        /// In which folder.
        state: OutcomeResult,
        /// The task.
        id: TaskId,
        /// Its file.
        seen: Seen,
    },
    /// The record of a task.
    Record {
        /// The task.
        task: TaskRef,
        /// The record's file.
        seen: Seen,
        /// Where the task's own file lies.
        whereabouts: Whereabouts,
    },
    /// A day of the log.
    Log {
        /// The day, in UTC.
        day: Date,
        /// Its file.
        seen: Seen,
    },
    /// What a session's client reported.
    Events {
        /// The session.
        session: SessionName,
        /// Which file of it.
        kind: Events,
        /// The file.
        seen: Seen,
    },
    /// The record of a session.
    Session {
        /// Its name.
        name: SessionName,
        /// The record's file.
        seen: Seen,
    },
    /// The settings with which a session was launched.
    Overlay {
        /// The session.
        session: SessionName,
        /// The file.
        seen: Seen,
    },
    /// A checkpoint that the retention of checkpoints does not keep, or its page.
    Checkpoint {
        /// The session.
        session: SessionName,
        /// The file.
        seen: Seen,
    },
    /// The history of an account's usage.
    Signals {
        /// The account.
        account: String,
        /// The file.
        seen: Seen,
    },
    /// The journal of a past switch.
    Switch {
        /// Its name, which sorts by time.
        id: String,
        /// The file.
        seen: Seen,
    },
    /// A sign that somebody should look.
    Kick {
        /// Who was meant to.
        name: String,
        /// The file.
        seen: Seen,
    },
    /// A temp file of ours.
    Temp {
        /// The file.
        seen: Seen,
    },
    /// A tmux session of ours.
    Remains(Remains),
    /// Something that is left alone.
    Unknown {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
}

/// What is known of a session that has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There may be a client.
    Live,
    /// There is none.
    AtRest,
    /// Its record cannot be read.
    Broken,
}

/// Whose is what.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The sessions that have a record, by name.
    pub sessions: BTreeMap<String, Standing>,
    /// The sessions that the configuration names.
    pub configured: BTreeSet<String>,
    /// Those of them that are the operator's own.
    pub dedicated: BTreeSet<String>,
    /// The accounts of the configuration.
    pub accounts: BTreeSet<String>,
    /// The tasks that a session has.
    pub leased: BTreeSet<TaskRef>,
    /// Why it cannot be told who has a task, if that is so.
    pub unclear: Option<String>,
}
