//! Ages and caps, and the names of the rules.

use jiff::SignedDuration;
use serde::Serialize;

use crate::model::front_matter::OutcomeResult;

/// The size at which an event file is put aside, in bytes: a few months of a busy session.
pub const EVENTS_ROTATE_AT: u64 = 16 << 20;

impl Rules {
    /// After what time a task that ended so is archived.
    #[must_use]
    pub fn archive_after(&self, state: OutcomeResult) -> SignedDuration {
        match state {
            OutcomeResult::Done => self.archive_done_after,
            OutcomeResult::Failed => self.archive_failed_after,
        }
    }
}

/// By which rule something is done. In this order: what gives work back first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Claimed tasks that no session has.
    StaleClaims,
    /// tmux sessions of ours that nobody knows of.
    Orphans,
    /// Records of archived tasks.
    Records,
    /// Event files that have grown large.
    Rotate,
    /// Event files of sessions that are gone.
    Events,
    /// Settings overlays of sessions without a client.
    Overlays,
    /// Checkpoints that have expired.
    Checkpoints,
    /// Records of sessions that nobody wants any more.
    Sessions,
    /// Histories of accounts that are gone.
    Signals,
    /// Journals of past switches.
    Switches,
    /// Days of the log.
    Log,
    /// Signs to look that nobody took.
    Kicks,
    /// Temp files of killed runs.
    TempFiles,
}

impl Rule {
    /// What is done, as a word and the thing that it is done to.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::StaleClaims => "put back",
            Self::Orphans => "ended",
            Self::Rotate => "rotated",
            _ => "removed",
        }
    }

    /// The thing, one of them.
    #[must_use]
    pub fn thing(self) -> &'static str {
        match self {
            Self::StaleClaims => "claimed task",
            Self::Orphans => "tmux session",
            Self::Records => "task record",
            Self::Rotate | Self::Events => "event file",
            Self::Overlays => "overlay",
            Self::Checkpoints => "checkpoint",
            Self::Sessions => "session record",
            Self::Signals => "usage history",
            Self::Switches => "past switch",
            Self::Log => "log day",
            Self::Kicks => "kick",
            Self::TempFiles => "temp file",
        }
    }
}

/// When something has had its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// A claimed task that no session has.
    pub stale_claims_after: SignedDuration,
    /// A task in `done/`.
    pub archive_done_after: SignedDuration,
    /// A task in `failed/`: a person may still want to try it again.
    pub archive_failed_after: SignedDuration,
    /// A day of the log.
    pub log_keep: SignedDuration,
    /// All days together, in bytes.
    pub log_max: u64,
    /// Rotated events, and those of sessions that are gone.
    pub events_keep: SignedDuration,
    /// The history of an account that is gone.
    pub signals_keep: SignedDuration,
    /// The record of a session that is gone.
    pub sessions_keep: SignedDuration,
    /// The overlay of a session without a client.
    pub overlays_keep: SignedDuration,
    /// Past switches, by number.
    pub switches_keep: usize,
    /// A temp file.
    pub temp_files_after: SignedDuration,
    /// A sign to look.
    pub kicks_after: SignedDuration,
    /// A tmux session of ours that nobody knows of.
    pub orphans_after: SignedDuration,
}

impl Default for Rules {
    fn default() -> Self {
        let days = |n: i64| SignedDuration::from_hours(24 * n);
        Self {
            stale_claims_after: SignedDuration::from_hours(1),
            archive_done_after: days(30),
            archive_failed_after: days(90),
            log_keep: days(90),
            log_max: 512 << 20,
            events_keep: days(30),
            signals_keep: days(30),
            sessions_keep: days(30),
            overlays_keep: days(1),
            switches_keep: 500,
            temp_files_after: SignedDuration::from_hours(1),
            kicks_after: SignedDuration::from_hours(1),
            orphans_after: SignedDuration::from_hours(1),
        }
    }
}
