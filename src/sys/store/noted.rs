//! The log: one file a day, one line a change. Read from its end, written by append, followed across midnight.

use jiff::Timestamp;
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{LogEntry, Store};
use crate::sys::{atomic, journald};

/// So much is read of a file at once while it is followed, in bytes.
const PIECE: u64 = 1 << 20;

impl Store {
    fn log_dir(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The files of the log, oldest first.
    fn days(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.log_dir()).into_iter().flatten().flatten();
        let mut days: Vec<PathBuf> =
            entries.map(|e| e.path()).filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
        days.sort();
        days
    }

    /// The newest lines of the log that are wanted, oldest first. Files of days before `since` are not opened.
    #[must_use]
    pub fn log(&self, most: usize, since: Option<Timestamp>, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let first = since.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        let is_old = |day: &Path| day.file_stem().is_some_and(|stem| *stem.to_string_lossy() < *first);
        let mut found = Vec::new();
        for day in self.days().iter().rev().take_while(|day| !is_old(day)) {
            let text = std::fs::read(day).unwrap_or_default();
            let lines = text.split(|b| *b == b'\n').rev().filter_map(|line| serde_json::from_slice(line).ok());
            found.extend(lines.filter(|line| wanted(line)).take(most - found.len()));
            if found.len() >= most {
                break;
            }
        }
        found.reverse();
        found
    }

    /// Notes what was changed and why: evidence for `log`, never the only record. The journal is told as well,
    /// where it reads what we say.
    pub fn note(&self, now: Timestamp, entry: &LogEntry<'_>) {
        let path = self.log_dir().join(format!("{}.jsonl", now.strftime("%Y-%m-%d")));
        let mut value = serde_json::to_value(entry).unwrap_or_default();
        journald::note(&value);
        value["at"] = now.to_string().into();
        if let Err(e) = atomic::append_line(&path, &value.to_string()) {
            log::warn!("not in the log: {e:#}");
        }
    }

    /// What is appended from now on.
    #[must_use]
    pub fn follow(&self) -> Follow {
        let day = self.days().pop();
        let at = day.as_ref().and_then(|day| day.metadata().ok()).map_or(0, |m| m.len());
        Follow { store: self.clone(), day, at }
    }
}

/// A place in the log, up to which it was read.
#[derive(Debug)]
pub struct Follow {
    store: Store,
    day: Option<PathBuf>,
    at: u64,
}

impl Follow {
    /// The lines that were appended since the last look, oldest first. A line that is not whole yet is left for
    /// the next look; one that does not parse is left out.
    pub fn more(&mut self) -> Vec<Value> {
        let mut lines = self.of_day();
        // After midnight the rest of the old file comes first, then the new one from its beginning.
        let next = self.store.days().into_iter().find(|day| self.day.as_ref().is_none_or(|now| day > now));
        if let Some(next) = next {
            // Between the two looks something may have come to the old one.
            lines.extend(self.of_day());
            (self.day, self.at) = (Some(next), 0);
            lines.extend(self.of_day());
        }
        lines
    }

    fn of_day(&mut self) -> Vec<Value> {
        let Some(day) = &self.day else { return Vec::new() };
        let read = |day: &Path, at: u64| -> std::io::Result<Vec<u8>> {
            let mut file = std::fs::File::open(day)?;
            // Nothing is read of a file that has not grown; one that was cut is followed from its new end.
            if file.metadata()?.len() <= at {
                return Ok(Vec::new());
            }
            file.seek(SeekFrom::Start(at))?;
            let mut bytes = Vec::new();
            file.take(PIECE).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let Ok(bytes) = read(day, self.at) else { return Vec::new() };
        let whole = match bytes.iter().rposition(|b| *b == b'\n') {
            Some(end) => end + 1,
            // A line that is longer than all that is read at once is none of ours.
            None if bytes.len() as u64 == PIECE => bytes.len(),
            None => 0,
        };
        self.at += whole as u64;
        bytes[..whole].split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        (dir, store)
    }

    fn note(store: &Store, at: &str, what: &str) {
        store.note(at.parse().unwrap(), &LogEntry { command: "c", what, why: "w", ..LogEntry::default() });
    }

    fn whats(lines: &[Value]) -> Vec<String> {
        lines.iter().map(|l| l["what"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn old_days_are_not_opened_and_the_newest_lines_are_kept() {
        let (_dir, store) = store();
        note(&store, "2026-05-01T23:59:59Z", "a");
        note(&store, "2026-05-02T00:00:00Z", "b");
        note(&store, "2026-05-03T00:00:00Z", "c");
        assert_eq!(whats(&store.log(2, None, |_| true)), ["b", "c"]);
        let since = Some("2026-05-02T10:00:00Z".parse().unwrap());
        assert_eq!(
            whats(&store.log(9, since, |_| true)),
            ["b", "c"],
            "by day; the line's own time is the caller's"
        );
    }

    #[test]
    fn a_follower_goes_over_midnight_and_waits_for_the_end_of_a_line() {
        let (_dir, store) = store();
        let mut from_nothing = store.follow();
        note(&store, "2026-05-01T10:00:00Z", "before");
        let mut follow = store.follow();
        assert!(follow.more().is_empty());
        assert_eq!(whats(&from_nothing.more()), ["before"]);
        note(&store, "2026-05-01T23:59:59Z", "a");
        note(&store, "2026-05-02T00:00:01Z", "b");
        note(&store, "2026-05-03T00:00:01Z", "c");
        let mut seen = whats(&follow.more());
        seen.extend(whats(&follow.more()));
        assert_eq!(seen, ["a", "b", "c"]);
        let day = store.root().join("log/2026-05-03.jsonl");
        let mut file = std::fs::OpenOptions::new().append(true).open(&day).unwrap();
        file.write_all(b"{\"what\":").unwrap();
        assert!(follow.more().is_empty());
        file.write_all(b"\"d\"}\nnonsense\n").unwrap();
        assert_eq!(whats(&follow.more()), ["d"]);
        // Cut by somebody: what is there is not told again.
        std::fs::write(&day, "{\"what\":\"x\"}\n").unwrap();
        assert!(follow.more().is_empty());
    }
}
