//! The archive of a project's finished tasks: what one line of it holds, and which file it stands in.
//!
//! `.agent-queue/archive/done-2026-11.jsonl.gz` holds what ended well and whose file is of November 2026,
//! one JSON object a line, whole file texts in it: `zgrep` finds everything. What is added is one more gzip
//! member, so a reader of the old format reads on. A file is full at some size, or damaged: then comes
//! `done-2026-11.2.jsonl.gz`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::front_matter::OutcomeResult;
use super::name::{ProjectName, TaskId};
use super::task::Attempt;

/// Format version of a line.
pub const ARCHIVE_VERSION: u32 = 1;

/// An archive that is so large, in bytes, is full: every addition writes it whole.
pub const FULL: u64 = 8 << 20;

const SUFFIX: &str = ".jsonl.gz";

/// A finished task, as archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Format version.
    pub version: u32,
    /// The task.
    pub task: TaskId,
    /// Its project, by the name of that time.
    pub project: ProjectName,
    /// How it ended.
    pub state: OutcomeResult,
    /// The name that its file had in `done/` or `failed/`.
    pub file: String,
    /// When the file was last written.
    pub modified: Timestamp,
    /// Its permissions.
    pub mode: u32,
    /// SHA-256 of the text, in hex: with the id it tells a task that was archived already.
    pub sha256: String,
    /// Its tries, from its record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The file, byte for byte.
    pub text: String,
}

/// Where a task is put: what ended alike in one month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shelf {
    /// The project.
    pub project: ProjectName,
    /// How the tasks ended.
    pub state: OutcomeResult,
    /// Year and month of the file's last change, in UTC: `2026-11`.
    pub month: String,
}

/// The folder of a queue in which tasks lie that ended so.
#[must_use]
pub fn folder(state: OutcomeResult) -> &'static str {
    match state {
        OutcomeResult::Done => "done",
        OutcomeResult::Failed => "failed",
    }
}

/// The month of a moment, as shelves are named.
#[must_use]
pub fn month(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
}

impl Shelf {
    /// The name of its n-th file, from 1.
    #[must_use]
    pub fn file(&self, part: u32) -> String {
        let base = format!("{}-{}", folder(self.state), self.month);
        if part < 2 { format!("{base}{SUFFIX}") } else { format!("{base}.{part}{SUFFIX}") }
    }

    /// Which file of the shelf a name is.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<u32> {
        let (state, month, part) = parse(name)?;
        (state == self.state && month == self.month).then_some(part)
    }
}

/// What the name of an archive says: how the tasks ended, the month, the number of the file.
#[must_use]
pub fn parse(name: &str) -> Option<(OutcomeResult, &str, u32)> {
    let base = name.strip_suffix(SUFFIX)?;
    let (state, rest) = match base.split_once('-')? {
        ("done", rest) => (OutcomeResult::Done, rest),
        ("failed", rest) => (OutcomeResult::Failed, rest),
        _ => return None,
    };
    let (month, part) = match rest.split_once('.') {
        Some((month, part)) => (month, part.parse().ok().filter(|n| *n > 1)?),
        None => (rest, 1),
    };
    let is_month = month.len() == 7
        && month.bytes().enumerate().all(|(n, b)| if n == 4 { b == b'-' } else { b.is_ascii_digit() });
    is_month.then_some((state, month, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_made() {
        let shelf = |state| Shelf { project: ProjectName::new("app").unwrap(), state, month: "2026-11".into() };
        for state in [OutcomeResult::Done, OutcomeResult::Failed] {
            for part in [1, 2, 77] {
                let name = shelf(state).file(part);
                assert_eq!((parse(&name), shelf(state).part(&name)), (Some((state, "2026-11", part)), Some(part)));
            }
        }
        assert_eq!(shelf(OutcomeResult::Done).file(1), "done-2026-11.jsonl.gz");
        assert_eq!(shelf(OutcomeResult::Done).part("failed-2026-11.jsonl.gz"), None);
        for bad in ["done.jsonl.gz", "done-2026-1.jsonl.gz", "done-2026-11.x.jsonl.gz", "done-2026-11.jsonl", "x"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_month_is_that_of_utc() {
        assert_eq!(month("2026-10-31T23:59:59Z".parse().unwrap()), "2026-10");
        assert_eq!(month("2028-02-29T00:00:00Z".parse().unwrap()), "2028-02");
    }
}
